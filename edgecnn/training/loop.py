"""The training loop: plain PyTorch, in one process or under ``torchrun``, resumable after each epoch."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from edgecnn.core.documents.training import EpochSummary, TrainingSummary
from edgecnn.core.errors import InputError
from edgecnn.training.allocator import freed_memory_kept
from edgecnn.training.batches import BatchPlan
from edgecnn.training.depthwise import FastDepthwise
from edgecnn.training.distributed import Processes, joined_processes
from edgecnn.training.ema import AveragedWeights
from edgecnn.training.freeze import check_prefixes, set_mode
from edgecnn.training.optimizer import build_optimizer, learning_rate, set_learning_rate
from edgecnn.training.progress import Meter, TrainProgress
from edgecnn.training.snapshot import TrainingState, load_snapshot, save_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import JsonValue

    from edgecnn.core.config.training import TrainSettings
    from edgecnn.training.method import Method
    from edgecnn.training.task import TrainingTask

SNAPSHOT = "training.safetensors"


def train(
    module: nn.Module,
    task: TrainingTask,
    settings: TrainSettings,
    *,
    scratch: Path,
    progress: Callable[[TrainProgress], None],
    method: Method | None = None,
    window: tuple[int, int] | None = None,
) -> TrainingSummary:
    """Train a network in place.

    A killed run continues after its last finished epoch when it is called again with the same ``scratch``. It
    ends with the same bits as an uninterrupted run (on the same machine, versions and number of threads).
    Under ``torchrun`` every process calls this function and ends with the same weights.

    Args:
        module: Takes float32 ``[N, C, H, W]`` and returns what the task expects, such as logits
            ``[N, classes]``. On return it is on the CPU, in evaluation mode, with the averaged weights if
            ``settings.ema`` asks for them.
        task: The training task, with its images.
        settings: Training settings.
        scratch: Folder for the snapshot that a resumed run reads.
        progress: Called after each epoch and at most a few times a second; only in the first process.
        method: Loss of a step; by default the task's own.
        window: First epoch, and the epoch before which to stop, if this is a part of a longer training.
            Learning rate, order and augmentation are those of the whole training.

    Raises:
        InputError: The sets do not fit the network, or the loss is no longer finite.
        UsageError: The settings do not fit the network or the machine.
    """
    check_prefixes(module, settings.transfer)
    method = method or task.method()
    with (
        freed_memory_kept(),
        joined_processes(settings.device) as processes,
        _reproducible(processes.device),
        FastDepthwise() if processes.device.type == "cpu" else contextlib.nullcontext(),
    ):
        module.to(processes.device)
        module.to(memory_format=torch.channels_last)
        method.to(processes.device)
        processes.broadcast(module.state_dict().values())
        task.begin(module, processes.device)
        first, end = window or (0, settings.epochs)
        run = _Run.begin(module, method, task, settings, processes, progress, first)
        history = run.resume(scratch / SNAPSHOT)
        for epoch in range(first + len(history), end):
            history.append(run.epoch(epoch))
            run.save(scratch / SNAPSHOT, history)
        if run.average is not None:
            module.load_state_dict(run.average.module.state_dict())
        module.requires_grad_(True).eval()
        module.to("cpu").to(memory_format=torch.contiguous_format)
        return TrainingSummary.of(history, run.meter.images_per_second, task.metric)


@contextlib.contextmanager
def _reproducible(device: torch.device) -> Iterator[None]:
    """Use deterministic kernels, and restore the caller's random state afterwards."""
    devices = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        yield


@dataclass(frozen=True)
class _Run:
    """The state of one training between its epochs."""

    module: nn.Module
    method: Method
    task: TrainingTask
    settings: TrainSettings
    processes: Processes
    plan: BatchPlan
    average: AveragedWeights | None
    optimizer: torch.optim.Optimizer
    meter: Meter
    first: int

    @classmethod
    def begin(
        cls,
        module: nn.Module,
        method: Method,
        task: TrainingTask,
        settings: TrainSettings,
        processes: Processes,
        progress: Callable[[TrainProgress], None],
        first: int,
    ) -> _Run:
        if settings.batch_norm_momentum is not None:
            for layer in module.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.momentum = settings.batch_norm_momentum
        plan = BatchPlan.of(task.train_set, settings.batch_size, processes.world)
        return cls(
            module=module,
            method=method,
            task=task,
            settings=settings,
            processes=processes,
            plan=plan,
            average=None if settings.ema is None else AveragedWeights(module, settings.ema),
            optimizer=build_optimizer(module, settings.optimizer),
            meter=Meter(
                progress if processes.first else _silent,
                epochs=settings.epochs,
                steps=plan.steps,
                images=plan.batch,
            ),
            first=first,
        )

    @property
    def state(self) -> TrainingState:
        average = None if self.average is None else self.average.module
        return TrainingState(self.module, average, self.optimizer)

    @property
    def identity(self) -> dict[str, JsonValue]:
        """Return everything but the initial weights that decides the result; other snapshots are not used."""
        return {
            "settings": self.settings.model_dump(mode="json"),
            "method": self.method.identity,
            "contract": self.task.train_set.contract.to_json(),
            "labels": self.task.identity,
            "parameters": [list(parameter.shape) for parameter in self.module.parameters()],
            "processes": self.processes.world,
            **({"first": self.first} if self.first else {}),
        }

    def resume(self, snapshot: Path) -> list[EpochSummary]:
        history = load_snapshot(snapshot, self.identity, self.state)
        self.processes.wait()
        return history

    def save(self, snapshot: Path, history: list[EpochSummary]) -> None:
        if self.processes.first:
            save_snapshot(snapshot, self.identity, history, self.state)
        self.processes.wait()

    def epoch(self, epoch: int) -> EpochSummary:
        """Train one epoch, then measure it."""
        started = time.monotonic()
        entropy = np.random.SeedSequence((self.settings.seed, epoch, self.processes.rank))
        torch.manual_seed(int(entropy.generate_state(1, np.uint64)[0]))
        set_mode(self.module, self.settings.transfer, epoch)
        rate = self._steps(epoch)
        self.processes.average(self.module.buffers())
        if self.average is not None:
            self.processes.average(self.average.module.buffers())
        (loss,) = self.processes.sum(self.meter.loss / self.processes.world)
        module = self.module if self.average is None else self.average.module
        metric = self.task.evaluate(module.eval(), self.processes)
        self.meter.end_epoch(epoch, rate, metric)
        return EpochSummary(
            epoch=epoch, loss=loss, lr=rate, seconds=time.monotonic() - started, metric=metric
        )

    def _steps(self, epoch: int) -> float:
        settings = self.settings
        network = self._parallel()
        steps = settings.epochs * self.plan.steps
        warmup = round(settings.warmup_epochs * self.plan.steps)
        rate = 0.0
        self.meter.begin_epoch()
        for step, indices in enumerate(self.plan.indices(settings.seed, epoch, self.processes)):
            done = epoch * self.plan.steps + step
            rate = learning_rate(
                done, steps=steps, warmup=warmup, peak=settings.optimizer.lr, final=settings.final_lr
            )
            set_learning_rate(self.optimizer, rate)
            inputs, targets = self.task.batch(indices, epoch, self.processes.device)
            self.method.before_step(done / steps)
            loss = self._step(network, inputs, targets)
            if not math.isfinite(loss):
                raise InputError(
                    f"the training loss is {loss} in epoch {epoch}, step {step} of {self.plan.steps}",
                    hint=f"lower train.optimizer.lr ({settings.optimizer.lr:g}) or set train.clip_norm",
                )
            if self.average is not None:
                self.average.update(self.module, done - self.first * self.plan.steps)
            self.meter.step(epoch, loss, rate)
        return rate

    def _step(self, network: nn.Module, inputs: Tensor, targets: Any) -> float:
        with torch.autocast(self.processes.device.type, torch.bfloat16, enabled=self._in_bfloat16):
            outputs = network(inputs)
        loss = self.method.loss(inputs, outputs, targets)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), self.settings.clip_norm)
        self.optimizer.step()
        return loss.item()

    @property
    def _in_bfloat16(self) -> bool:
        on_gpu = self.processes.device.type == "cuda"
        return self.settings.mixed_precision and on_gpu and torch.cuda.is_bf16_supported()

    def _parallel(self) -> nn.Module:
        """Wrap the network for this epoch: DDP reads which parameters are frozen only when it is created."""
        if self.processes.world == 1:
            return self.module
        return DistributedDataParallel(self.module, broadcast_buffers=False)


def _silent(_: TrainProgress) -> None:
    """Report nothing: only the first process reports."""
