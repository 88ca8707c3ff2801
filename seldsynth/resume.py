"""What of a set is finished, and why the rest is made again.

A video says itself of which plan it was made, and gets its name last, when all beside it lies
there; so no log needs to be believed. Looked at is what ten thousand recordings can afford, some
twenty milliseconds each beside the planning: that the boxes of the MP4 fill the file exactly and
its index can be read, its plan's hash, that the plan file is of that hash and the one that the
manifest tells of, name.csv to the letter, and that the other files are there with the sizes that
the manifest has of them. Contents that changed without their
size are for `verify`, which reads every byte; so is here what the manifest does not tell of.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from seldsynth.batch import Standing, holds_plan
from seldsynth.errors import MediaError, PlanError, shown
from seldsynth.manifest import Manifests, Record
from seldsynth.media.spatial_mp4 import read_tags
from seldsynth.plan import ScenePlan, files_of, plan_from_json, resolve_folders
from seldsynth.provenance import Origin, origin_of
from seldsynth.recordings import Recording, facts_of, files_beside
from seldsynth.truth.files import truth_path
from seldsynth.truth.tables import label_lines
from seldsynth.verify import OTHER_CONTENT, wrong_content

_BESIDE = "a file of it is not right"  # up to the colon, reasons are counted


class Finished:
    """Looks whether recordings are finished, and what the manifests say of them.

    config_sha256: of the config that plans are made by; empty if they were made before.
    """

    def __init__(self, video_dir: Path, manifests: Manifests, *, config_sha256: str) -> None:
        self._video_dir = video_dir.absolute()
        self._records = manifests.records
        self._done = manifests.done
        self._config_sha256 = config_sha256

    def __call__(self, recording: Recording, plan: ScenePlan, *, labels_sha256: str) -> Standing:
        """How a recording stands; see `Look`."""
        record = self._records.get(self._name(recording.video.with_suffix("")))
        if not recording.video.is_file():
            return Standing(again=_why_no_video(record))
        try:
            origin = origin_of(read_tags(recording.video).comment)
        except MediaError as error:
            reason = str(error).removeprefix(f"{recording.video}: ")
            return Standing(again=f"the video is damaged: {reason}")
        fault = self._fault(recording, plan, origin, record, labels_sha256)
        if fault or origin is None:
            return Standing(again=fault)
        is_recorded = (
            record is not None
            and record.status == "done"
            and record.plan_sha256 == origin.plan_sha256
        )
        if is_recorded:
            return Standing(finished=True, made_by=origin.version)
        return self._unrecorded(recording, plan, origin)

    def _unrecorded(self, recording: Recording, plan: ScenePlan, origin: Origin) -> Standing:
        """Read what no line tells of as `verify` does: nobody has said that it was whole."""
        written = [recording.video, recording.plan, *files_beside(plan, recording.video)]
        facts = {path: facts_of(path) for path in written}
        outputs = {self._name(path): facts[path] for path in written}
        before = self._done_by(recording, origin)
        for name, known in (before.outputs if before else {}).items():
            if name in outputs and outputs[name] != known:
                return Standing(again=f"{_BESIDE}: {Path(name).name} {OTHER_CONTENT}")
        record = Record(
            recording_id=self._name(recording.video.with_suffix("")),
            status="done",
            time="",
            plan_sha256=origin.plan_sha256,
            outputs=outputs,
        )
        if fault := next(wrong_content(self._video_dir, record), None):
            return Standing(again=f"{_BESIDE}: {Path(fault.path).name} {fault.what}")
        return Standing(finished=True, made_by=origin.version, unrecorded=facts)

    def _fault(
        self,
        recording: Recording,
        plan: ScenePlan,
        origin: Origin | None,
        record: Record | None,
        labels_sha256: str,
    ) -> str:
        """Why a video that can be read is not the one that is wanted; nothing if it is."""
        if origin is None:
            return "the video does not say of which plan it is"
        if origin.plan_sha256 != plan.sha256():
            return self._what_changed(recording, plan, record, labels_sha256)
        if not recording.plan.is_file():
            return f"{_BESIDE}: {recording.plan.name} is missing"
        if not holds_plan(recording.plan, plan):
            return f"{_BESIDE}: {recording.plan.name} is that of another video"
        beside = files_beside(plan, recording.video)
        done = self._done_by(recording, origin)
        for path in (recording.video, recording.plan, *beside):
            if fault := self._size_fault(path, done):
                return fault
        known = (done.outputs if done else {}).get(self._name(recording.plan))
        if known is not None and facts_of(recording.plan) != known:
            return f"{_BESIDE}: {recording.plan.name} {OTHER_CONTENT}"
        labels = truth_path(recording.video, ".csv")
        if labels in beside and labels.read_bytes() != label_lines(plan).encode():
            return f"{_BESIDE}: {labels.name} is not the labels of the video"
        return ""

    def _done_by(self, recording: Recording, origin: Origin) -> Record | None:
        """What was written down when this very plan was done, if it was."""
        done = self._done.get(self._name(recording.video.with_suffix("")))
        return done if done is not None and done.plan_sha256 == origin.plan_sha256 else None

    def _what_changed(
        self, recording: Recording, plan: ScenePlan, record: Record | None, labels_sha256: str
    ) -> str:
        """Why today's plan is another one, as far as the manifest and the plan file tell."""
        if record is None or record.status != "done" or not self._config_sha256:
            return "the plan has changed"
        if record.plan_sha256 == plan.sha256():
            return "the video is not the one that was made of this plan"
        before = record.inputs.get("labels", {}).get("sha256", "")
        changed = ["the labels"] if before not in ("", labels_sha256) else []
        if record.config_sha256 not in ("", self._config_sha256):
            changed.append("the config")
        if not changed and (gone := _gone(recording.plan, plan)):
            changed.append(f"{gone}, which it had, is gone")
        return f"the plan has changed: {' and '.join(changed) or 'assets, sound or seldsynth'}"

    def _name(self, path: Path) -> str:
        """What a file of the set is called in its manifest."""
        return path.absolute().relative_to(self._video_dir).as_posix()

    def _size_fault(self, path: Path, record: Record | None) -> str:
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            return f"{_BESIDE}: {path.name} is missing"
        facts = (record.outputs if record else {}).get(self._name(path))
        if facts is not None and facts.bytes != size:
            return f"{_BESIDE}: {path.name} has {size} bytes, not {facts.bytes}"
        return ""


def _gone(plan_file: Path, plan: ScenePlan) -> str:
    """The first file that a saved plan needs and today's folders do not have."""
    try:
        saved = plan_from_json(plan_file.read_bytes(), name=plan_file)
    except (PlanError, OSError):
        return ""
    folders = resolve_folders(plan, plan_file)
    needed = (folders[key] / name for key, name, _ in files_of(saved) if key in folders)
    return next((shown(str(path)) for path in needed if not os.path.isfile(path)), "")


def _why_no_video(record: Record | None) -> str:
    if record is None:
        return ""
    if record.status == "failed":
        return f"failed before: {record.error}"
    return "the video is missing" if record.status == "done" else ""


def failed_before(
    recordings: Iterable[Recording], records: Mapping[str, Record]
) -> list[Recording]:
    """Those of which the last word is that they failed."""
    return [
        one
        for one in recordings
        if one.recording_id in records and records[one.recording_id].status == "failed"
    ]
