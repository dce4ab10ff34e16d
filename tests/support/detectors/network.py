"""What all families of detectors share: a small backbone with a neck, and weights like trained ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

STRIDES = (8, 16, 32)
_WIDTH = 16
_TOP_DOWN = 32
"""The coarsest stride that the neck refines; what is coarser is only made smaller from there."""


def pictures(count: int, size: tuple[int, int], seed: int = 0) -> npt.NDArray[np.float32]:
    """Return pictures of smooth colours and rectangles with sharp edges, float32 ``[N, 3, H, W]`` in 0..1."""
    generator = np.random.default_rng(seed)
    coarse = torch.from_numpy(generator.uniform(0, 1, (count, 3, 6, 6)).astype(np.float32))
    made: npt.NDArray[np.float32] = functional.interpolate(coarse, size, mode="bicubic").numpy()
    for picture in made:
        for _ in range(6):
            top, left = (int(generator.integers(0, side - 8)) for side in size)
            bottom, right = top + int(generator.integers(8, 64)), left + int(generator.integers(8, 64))
            picture[:, top:bottom, left:right] = generator.uniform(0, 1, (3, 1, 1))
    noise = generator.normal(0, 0.02, made.shape)
    return np.clip(made + noise, 0, 1).astype(np.float32)


def block(
    into: int, out: int, kernel: int = 3, stride: int = 1, act: Callable[[], nn.Module] = nn.SiLU
) -> nn.Module:
    """Return a convolution without bias, a batch normalization and an activation."""
    conv = nn.Conv2d(into, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), act())


class Attention(nn.Module):
    """Attention of all cells to all others, whose softmax is not that of a distribution of distances."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.parts = nn.Conv2d(width, 3 * width, 1)

    def forward(self, maps: Tensor) -> Tensor:
        query, key, value = self.parts(maps).flatten(2).chunk(3, 1)
        weights = (query.transpose(1, 2) @ key * query.shape[1] ** -0.5).softmax(-1)
        mixed: Tensor = maps + (value @ weights.transpose(1, 2)).view(maps.shape)
        return mixed


class Trunk(nn.Module):
    """A backbone with a top-down neck: ``[N, 3, H, W]`` becomes one map of 16 channels for each stride."""

    def __init__(
        self,
        strides: Sequence[int] = STRIDES,
        act: Callable[[], nn.Module] = nn.SiLU,
        *,
        attention: bool = False,
    ) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.stem = nn.Sequential(block(3, 8, 3, 2, act), block(8, _WIDTH, 3, 2, act))
        stages = [2**power for power in range(3, 9) if 2**power <= max(*strides, 8)]
        self.stages = nn.ModuleDict({str(stride): block(_WIDTH, _WIDTH, 3, 2, act) for stride in stages})
        self.mix = nn.ModuleDict({str(stride): block(_WIDTH, _WIDTH, 3, 1, act) for stride in strides})
        self.joins = nn.ModuleDict(
            {str(stride): block(2 * _WIDTH, _WIDTH, 1, 1, act) for stride in strides if stride < _TOP_DOWN}
        )
        self.attention = Attention(_WIDTH) if attention else nn.Identity()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        found, maps = {}, self.stem(images)
        if 4 in self.strides:
            found[4] = maps
        for name, stage in self.stages.items():
            maps = found[int(name)] = stage(maps)
        coarsest = max(stride for stride in found if stride <= _TOP_DOWN)
        found[coarsest] = self.attention(found[coarsest])
        for stride in sorted(found, reverse=True):
            if str(stride) in self.joins and 2 * stride in found:
                above = functional.interpolate(found[2 * stride], scale_factor=2.0, mode="nearest")
                found[stride] = self.joins[str(stride)](torch.cat([above, found[stride]], 1))
        return tuple(self.mix[str(stride)](found[stride]) for stride in self.strides)


def tower(out: int, act: Callable[[], nn.Module] = nn.SiLU) -> nn.Sequential:
    """Return a block and the last convolution of a head, which has no activation."""
    return nn.Sequential(block(_WIDTH, _WIDTH, 3, 1, act), nn.Conv2d(_WIDTH, out, 1))


class HeadNet(nn.Module):
    """A detector that answers with the raw maps of its heads, or with what its family's export makes of them.

    Attributes:
        decoded: Whether the decode part is in the network.
        channels_last: Whether the network's input is ``[N, H, W, 3]``; `raw` takes ``[N, 3, H, W]`` always.
        goals: For each last convolution of a head the mean and the deviation of every channel.
    """

    def __init__(self) -> None:
        super().__init__()
        self.decoded = True
        self.channels_last = False
        self.goals: list[tuple[nn.Conv2d, Tensor, Tensor]] = []

    def aim(self, last: nn.Module, mean: Sequence[float] | float, deviation: Sequence[float] | float) -> None:
        """Say how the output of the last convolution of a head is spread in a trained network."""
        conv = last if isinstance(last, nn.Conv2d) else list(last.children())[-1]
        assert isinstance(conv, nn.Conv2d)
        wanted = [
            torch.as_tensor(value, dtype=torch.float32).expand(conv.out_channels)
            for value in (mean, deviation)
        ]
        self.goals.append((conv, wanted[0], wanted[1]))

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of all heads."""
        raise NotImplementedError

    def decode(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return what the family's export answers for the maps."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = self.raw(images.permute(0, 3, 1, 2) if self.channels_last else images)
        return self.decode(maps) if self.decoded else maps


def settle(net: HeadNet, size: tuple[int, int], scale: float = 1.0) -> None:
    """Give a network with random weights the statistics of a trained one.

    Batch normalizations take the statistics of a few pictures, and the last convolutions of the heads the
    mean and the deviation that they aim at.

    Args:
        net: The network; it is in inference mode afterwards.
        size: Height and width of its images.
        scale: The value of white.
    """
    images = torch.from_numpy(pictures(6, size)) * scale
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the statistics of the one pass
        nn.init.uniform_(norm.weight, 0.7, 1.3)
        nn.init.normal_(norm.bias, 0.0, 0.2)
    with torch.no_grad():
        net.train()
        net.raw(images)
        net.eval()
        seen: dict[nn.Conv2d, list[Tensor]] = {conv: [] for conv, _, _ in net.goals}
        hooks = [
            conv.register_forward_hook(lambda module, _, output: seen[module].append(output)) for conv in seen
        ]
        net.raw(images)
        for hook in hooks:
            hook.remove()
        for conv, mean, deviation in net.goals:
            values = torch.cat([output.transpose(0, 1).flatten(1) for output in seen[conv]], 1)
            ratio = deviation / values.std(1).clamp_min(1e-6)
            assert conv.bias is not None
            conv.bias.copy_(mean + (conv.bias - values.mean(1)) * ratio)
            conv.weight.mul_(ratio[:, None, None, None])
