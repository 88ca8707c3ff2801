"""Where recordings are made: on this machine, or on a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal, Protocol

import torch

from seldsynth.commands.options import num_workers
from seldsynth.config import Config
from seldsynth.errors import ConfigError
from seldsynth.local_workers import LocalProcesses
from seldsynth.ray_workers import ray_cluster
from seldsynth.workers import Executor


class Machines(Protocol):
    """One machine or many."""

    def device(self, wish: str) -> torch.device:
        """The device that a config's wish means there. Raises ConfigError if it is not there."""

    def executor(
        self,
        *,
        workers: int | Literal["auto"],
        num_recordings: int,
        device: torch.device,
    ) -> Executor | None:
        """Who renders there; None: this process."""


class ThisMachine:
    """This one."""

    def device(self, wish: str) -> torch.device:
        """See `Machines`: `auto` is the first GPU, or else the CPU."""
        if wish == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        device = torch.device(wish)
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise ConfigError(
                f"processing.device: {wish} is not there: torch sees {torch.cuda.device_count()} "
                "GPUs; use auto or cpu"
            )
        return device

    def executor(
        self,
        *,
        workers: int | Literal["auto"],
        num_recordings: int,
        device: torch.device,
    ) -> Executor | None:
        """See `Machines`: processes, if there are to be several."""
        several = num_workers(workers, num_recordings=num_recordings)
        return LocalProcesses(several) if several > 1 else None


@contextlib.contextmanager
def machines_of(config: Config | None) -> Iterator[Machines]:
    """The machines that a config asks for. Raises ConfigError where they cannot be had."""
    if config is None or config.processing.executor == "local":
        yield ThisMachine()
    else:
        with ray_cluster(config.ray.address, own_cpus=num_workers("auto")) as cluster:
            yield cluster
