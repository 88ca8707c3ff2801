"""A Ray cluster that renders recordings: a task each, on whichever node has a CPU free for it.

Ray is optional: it is imported when a cluster is wanted. Nodes are told where the folders are, not
what is in them: all see the same ones at the same paths, and have the same seldsynth and the same
libraries. A task looks whether that is so before it writes anything.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

from seldsynth.batch import Job, Outcome
from seldsynth.errors import ConfigError
from seldsynth.files import remove_temporaries
from seldsynth.ray_counter import Counter
from seldsynth.ray_tasks import COUNT_S, Terms, this_environment, work
from seldsynth.recordings import files_written
from seldsynth.workers import WORKER_DIED, Death

_CONNECT_TIMEOUT_S = 10.0
_LOOK_S = 5.0  # at which nodes there are
_STOP_TIMEOUT_S = 30.0
_OBJECT_STORE_BYTES = 200 * 2**20  # of a cluster of our own: plans, of at most some megabytes
_FRACTIONS = 10_000  # Ray divides a GPU into so many parts

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def ray_cluster(address: str | None, *, own_cpus: int) -> Iterator[RayCluster]:
    """A Ray cluster, left as it was found; or a new one of this machine, ended with the block.

    address: auto, host:port, or None for a new one, of own_cpus CPUs. Raises ConfigError where Ray
    is not installed, or the cluster cannot be reached.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # before the import, which reads it
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise ConfigError(
            f"processing.executor: ray: {error.name} is not installed: "
            "pip install -r requirements-ray.txt"
        ) from None
    if address not in (None, "auto"):
        _check_reachable(str(address))
    own = {"num_cpus": own_cpus, "object_store_memory": _OBJECT_STORE_BYTES}
    try:
        with _own_sigterm():
            ray.init(
                address=address or "local",
                include_dashboard=False if address is None else None,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **(own if address is None else {}),
            )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        said = " ".join(str(error).split())
        what = f"no cluster at {address}" if address else "no cluster can be started here"
        raise ConfigError(
            f"ray.address: {what}: {said[:200]}; on its head node: ray start --head"
        ) from None
    # What it says of workers that died is said by us, of the recording.
    ray_output: Any = importlib.import_module("ray._private.worker")
    ray_output.print_to_stdstream = lambda *_, **__: None
    try:
        yield RayCluster(ray)
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise ConfigError if nobody listens there: Ray itself would try for a quarter of an hour."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"ray.address: {address} cannot be reached ({error}); on that node: "
            "ray start --head, and see which port it says"
        ) from None


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep what this program does when it is told to end; Ray would have it exit at once."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


class _Interrupts:
    """Remembers that this process was told to end: within its calls, Ray may lose that."""

    def __init__(self) -> None:
        self._came = False
        self._before: dict[int, Any] = {}

    def hear(self) -> None:
        """Begin; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._come)

    def end(self) -> None:
        """Leave all as it was."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if one came, again and again."""
        if self._came:
            raise KeyboardInterrupt

    def _come(self, *_: object) -> None:
        self._came = True
        raise KeyboardInterrupt


class RayCluster:
    """A cluster that this process has joined."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def device(self, wish: str) -> torch.device:
        """The device that `auto`, `cpu` or `cuda` means on it: auto is cuda if it has GPUs.

        Raises ConfigError for GPUs that are not there, and for cuda:N.
        """
        if wish.startswith("cuda:"):
            raise ConfigError(
                f"processing.device: {wish}: Ray says which GPU a recording gets; use cuda or auto"
            )
        num_gpus = self._ray.cluster_resources().get("GPU", 0)
        if wish == "cuda" and not num_gpus:
            raise ConfigError("processing.device: cuda: no node of the cluster has a GPU; use cpu")
        return torch.device("cuda" if wish != "cpu" and num_gpus else "cpu")

    def executor(
        self,
        *,
        workers: int | Literal["auto"],
        num_recordings: int,
        device: torch.device,
    ) -> RayTasks:
        """Who renders on it; see `RayTasks`."""
        return RayTasks(self._ray, workers=workers, most=num_recordings, device=device)


@dataclass(kw_only=True)
class _Busy:
    """A recording that is under way, and how many of its frames are known to be done."""

    task: int
    job: Job
    frames: int = 0


class RayTasks:
    """Recordings as tasks of a cluster; see `Executor`.

    A task has one CPU, and on a GPU its part of one: as many recordings share a GPU as come on each
    if all GPUs have as many. A task is tried once: its recording has failed if its node dies.

    workers: how many recordings at once; auto: as many as there are CPUs, on nodes with a GPU if
    they want one; most: but not more than these.
    """

    def __init__(
        self,
        ray: Any,
        *,
        workers: int | Literal["auto"],
        most: int,
        device: torch.device,
    ) -> None:
        self._ray = ray
        self._workers = workers
        self._most = most
        self._wants_gpu = device.type == "cuda"
        self._expected = this_environment()
        self._busy: dict[Any, _Busy] = {}
        self._num_tasks = 0
        self._new_frames = 0
        self._looked_at = self._counted_at = -math.inf
        self._cpus, self._gpus = 0, 0
        self._counter: Any = None
        self._count: Any = None
        self._interrupts = _Interrupts()

    def __enter__(self) -> RayTasks:
        here = self._ray.get_runtime_context().get_node_id()
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        on_this_node = strategies.NodeAffinitySchedulingStrategy(here, soft=True)
        actor = self._ray.remote(num_cpus=0, scheduling_strategy=on_this_node)(Counter)
        self._counter = actor.remote()
        self._interrupts.hear()
        return self

    def __exit__(self, *_: object) -> None:
        """End what is under way: tell it to stop, and by force if that takes too long.

        Ray's own `cancel` is the last resort: it may end this process if a task ends just then
        (ray-project/ray#54527). What has not begun will not, and goes with this process.
        """
        self._interrupts.end()
        if self._busy:
            left = list(self._busy)
            with contextlib.suppress(self._ray.exceptions.RayError):
                begun = self._ray.get(self._counter.stop.remote(), timeout=_STOP_TIMEOUT_S)
                left = [ref for ref in left if self._busy[ref].task in begun]
                _, left = self._ray.wait(left, num_returns=len(left), timeout=_STOP_TIMEOUT_S)
            for ref in left:
                self._ray.cancel(ref, force=True)
        for busy in self._busy.values():
            remove_temporaries(files_written(busy.job.recording.video))
        self._busy.clear()
        self._ray.kill(self._counter)

    @property
    def capacity(self) -> int:
        """See `Executor`; nodes come and go."""
        if time.monotonic() - self._looked_at >= _LOOK_S:
            self._looked_at = time.monotonic()
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            usable = [one for one in nodes if one.get("GPU", 0) or not self._wants_gpu]
            self._cpus = int(sum(one.get("CPU", 0) for one in usable))
            self._gpus = int(sum(one.get("GPU", 0) for one in usable))
        return min(self._cpus if self._workers == "auto" else self._workers, self._most)

    def submit(self, job: Job) -> None:
        """See `Executor`."""
        self._num_tasks += 1
        terms = Terms(
            task=self._num_tasks,
            expected=self._expected,
            log_level=_log.getEffectiveLevel(),
        )
        options = {"num_cpus": 1, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        if self._wants_gpu:
            # A process keeps the GPU that it saw first: each task has a new one.
            share = gpu_share(num_tasks=self.capacity, num_gpus=self._gpus)
            options |= {"num_gpus": share, "max_calls": 1}
        ref = self._ray.remote(**options)(work).remote(job, terms, self._counter)
        self._busy[ref] = _Busy(task=self._num_tasks, job=job)

    def ended(self, timeout_s: float) -> list[Outcome | Death]:
        """See `Executor`."""
        self._interrupts.check()
        if not self._busy:
            time.sleep(timeout_s)
            return []
        refs, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=timeout_s)
        self._interrupts.check()
        return [self._result(ref, self._busy.pop(ref)) for ref in refs]

    def _result(self, ref: Any, busy: _Busy) -> Outcome | Death:
        try:
            outcome, lines = self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            return Death(job=busy.job, message=self._why(error))
        for level, name, words in lines:
            logging.getLogger(name).log(level, "%s", words)
        self._new_frames += max(0, outcome.frames - busy.frames)
        assert isinstance(outcome, Outcome)
        return outcome

    def _why(self, error: Exception) -> str:
        """What became of a task that has no outcome."""
        kinds = self._ray.exceptions
        said = (str(error).strip().splitlines() or [""])[-1].strip()[:200]
        if isinstance(error, kinds.OutOfMemoryError):
            return "Ray ended its worker process: its node has no memory left; fewer workers"
        if isinstance(error, kinds.NodeDiedError):
            return "its Ray node died, or cannot be reached any more"
        if isinstance(error, kinds.WorkerCrashedError):
            return WORKER_DIED
        if isinstance(error, kinds.RayTaskError):
            return f"its Ray node could not begin it (is seldsynth installed there?): {said}"
        return f"Ray has lost it: {type(error).__name__}: {said}"

    def new_frames(self) -> int:
        """See `Executor`. Of recordings under way, it knows them half a second late."""
        if self._count is None and time.monotonic() - self._counted_at >= COUNT_S:
            self._counted_at = time.monotonic()
            self._count = self._counter.take.remote()
        if self._count is not None and self._ray.wait([self._count], timeout=0)[0]:
            told: dict[int, int] = {}
            with contextlib.suppress(self._ray.exceptions.RayError):  # only a number on a bar
                told = self._ray.get(self._count)
            self._count = None
            for busy in self._busy.values():
                frames = told.get(busy.task, busy.frames)
                self._new_frames += frames - busy.frames
                busy.frames = frames
        new, self._new_frames = self._new_frames, 0
        return new


def gpu_share(*, num_tasks: int, num_gpus: int) -> float:
    """The part of a GPU that each of so many tasks gets, if all GPUs have as many of them."""
    per_gpu = max(1, math.ceil(num_tasks / max(1, num_gpus)))
    return max(1, _FRACTIONS // per_gpu) / _FRACTIONS
