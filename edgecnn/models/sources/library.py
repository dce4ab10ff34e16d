"""Networks of timm and torchvision by their own names: ``timm:NAME[.TAG]`` and ``torchvision:NAME[.TAG]``.

A tag names one of several published weights of the same network: timm's pretrained tag, or the member
of torchvision's weights enumeration. Only :func:`download` accesses the internet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import EdgecnnError, MissingDependency, UsageError
from edgecnn.core.text import first_line, unknown_name
from edgecnn.models.classes import IMAGENET_CLASSES, imagenet_classes, numbered
from edgecnn.models.fetch import WeightsDownload  # noqa: TC001  the child reads the annotation
from edgecnn.models.library_names import check_name, split_reference
from edgecnn.models.sources.described import DescribedSource
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pydantic import JsonValue
    from torch import Tensor, nn

LARGEST = 1_000_000
"""Largest number in an argument: no channel, class, layer or side of an image comes near it."""

# Arguments that would make a library load weights or access the internet during a build.
_RESERVED = frozenset(
    {
        "cache_dir",
        "checkpoint_path",
        "in_chans",
        "num_classes",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "pretrained_strict",
        "progress",
        "weights",
        "weights_backbone",
    }
)


class LibrarySource(DescribedSource):
    """The networks of timm and torchvision; torchvision's detectors are only available through the zoo."""

    schemes = ("timm", "torchvision")
    publishes_weights = True

    def rebuilt_with(self, builder: str) -> tuple[str, ...]:
        """Return the library; a name that it does not have is an error at once."""
        check_name(builder)
        return (split_reference(builder)[0],)

    def published(self, reference: str) -> str:
        """Return the reference with the tag of its weights."""
        return with_tag(reference)

    def describe(self, reference: str) -> ModelSpec:
        """Return the spec of a network, with the contract of its published weights.

        Raises:
            UsageError: There is no such network or tag, or edgecnn cannot execute its preprocessing.
        """
        scheme, name, tag = _split(reference)
        return (_describe_timm if scheme == "timm" else _describe_torchvision)(reference, name, tag)

    def build(self, spec: ModelSpec) -> nn.Module:
        """Build a network; see the base class."""
        from edgecnn.models.stem_and_classifier import replace_stem

        scheme, name, _ = _split(spec.builder)
        reserved = sorted(_RESERVED & spec.arguments.keys())
        if reserved:
            raise UsageError(f"{spec.builder}: argument {reserved[0]!r} is set by edgecnn")
        for argument, value in spec.arguments.items():
            _check_numbers(f"{spec.builder}: argument {argument!r}", value)
        classes, in_channels = len(spec.classes), spec.contract.channels
        try:
            if scheme == "timm":
                import timm

                return timm.create_model(  # type: ignore[no-any-return]
                    name, pretrained=False, num_classes=classes, in_chans=in_channels, **spec.arguments
                )
            import torchvision.models

            module = torchvision.models.get_model(name, weights=None, num_classes=classes, **spec.arguments)
        except EdgecnnError:
            raise
        except Exception as error:  # such as KeyError and AssertionError: what a library checks is up to it
            raise UsageError(
                f"{spec.builder} does not take these arguments: {type(error).__name__}: {first_line(error)}"
            ) from error
        return replace_stem(module, in_channels=in_channels)


def _check_numbers(argument: str, value: JsonValue) -> None:
    """Refuse a number that is no size of a network: libraries make lists of that length before any layer.

    Raises:
        UsageError: It is too large, or not a number.
    """
    if isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            _check_numbers(argument, part)
    elif isinstance(value, int | float) and not abs(value) <= LARGEST:
        raise UsageError(f"{argument} is {value}; the largest number is {LARGEST:,}")


def with_tag(reference: str) -> str:
    """Return the reference with the tag of its default weights if it has none.

    Raises:
        UsageError: There is no such network or tag, or it has no published weights.
    """
    scheme, name, tag = _split(reference)
    if not tag and scheme == "timm":
        import timm

        configuration = timm.get_pretrained_cfg(name)
        tag = configuration.tag if configuration is not None and configuration.has_weights else ""
    elif not tag:
        from torchvision.models import get_model_weights

        tag = get_model_weights(name).DEFAULT.name
    if not tag:
        raise UsageError(f"{reference} has no published weights")
    return f"{scheme}:{name}.{tag}"


def download(wanted: WeightsDownload) -> None:
    """Download the weights of a tagged reference through its library, as a safetensors file.

    This is the entry point of a child process, whose environment disables the libraries' telemetry.

    Raises:
        MissingDependency: The weights cannot be downloaded from here.
    """
    from edgecnn.models.weights import write_safetensors

    reference = wanted.reference
    scheme, name, tag = _split(reference, detectors=True)
    folder = wanted.out.parent
    state: dict[str, Tensor]
    try:
        if scheme == "timm":
            import timm

            state = timm.create_model(f"{name}.{tag}", pretrained=True, cache_dir=folder).state_dict()
        else:
            from torchvision.models import get_model_weights

            state = get_model_weights(name)[tag].get_state_dict(
                progress=False, check_hash=True, model_dir=str(folder), weights_only=True
            )
        write_safetensors(state, wanted.out)
    except (OSError, RuntimeError) as error:
        raise MissingDependency(
            f"{scheme} could not download {name}.{tag}: {first_line(error)}",
            hint="check the network, or give a file with --weights",
        ) from error


def _split(reference: str, *, detectors: bool = False) -> tuple[str, str, str]:
    """Return scheme, name and tag (empty if there is none), all of which exist.

    torchvision's detectors are accepted only on request, because only the zoo's entries can use them.
    """
    if not detectors:
        check_name(reference)
    scheme, name, tag = split_reference(reference)
    if scheme == "timm":
        import timm

        if not timm.is_model(name):
            raise unknown_name("timm model", name, timm.list_models())
        tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{name}.*")]
    else:
        import torchvision.models

        names = torchvision.models.list_models(module=torchvision.models)
        if detectors:
            names += torchvision.models.list_models(module=torchvision.models.detection)
        if name not in names:
            raise unknown_name("torchvision model", name, names)
        tags = [member.name for member in torchvision.models.get_model_weights(name)]
    if tag and tag not in tags:
        raise unknown_name(f"weights of {scheme}:{name}", tag, tags)
    return scheme, name, tag


def _describe_timm(reference: str, name: str, tag: str) -> ModelSpec:
    import timm
    from timm.data import resolve_data_config

    configuration = timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    values = configuration.to_dict() if configuration is not None else {}
    data = resolve_data_config(pretrained_cfg=values)
    outputs = values.get("num_classes", IMAGENET_CLASSES)
    return ModelSpec(
        builder=reference,
        contract=_contract(
            reference,
            height=data["input_size"][1],
            width=data["input_size"][2],
            resize="crop" if data["crop_mode"] == "center" else data["crop_mode"],
            crop_fraction=data["crop_pct"],
            interpolation=data["interpolation"],
            mean=[round(255.0 * value, 6) for value in data["mean"]],
            std=[round(255.0 * value, 6) for value in data["std"]],
        ),
        classes=imagenet_classes() if outputs == IMAGENET_CLASSES else numbered(outputs),
        licence=values.get("license") or "",
    )


def _describe_torchvision(reference: str, name: str, tag: str) -> ModelSpec:
    from torchvision.models import get_model_weights

    published = get_model_weights(name)
    weights = published[tag] if tag else published.DEFAULT
    preset = weights.transforms()
    return ModelSpec(
        builder=reference,
        contract=_contract(
            reference,
            height=preset.crop_size[0],
            width=preset.crop_size[0],
            crop_fraction=preset.crop_size[0] / preset.resize_size[0],
            interpolation=preset.interpolation.value,
            mean=[round(255.0 * value, 6) for value in preset.mean],
            std=[round(255.0 * value, 6) for value in preset.std],
        ),
        classes=tuple(weights.meta["categories"]),
        licence=weights.meta.get("license", "BSD-3-Clause"),
    )


def _contract(reference: str, **fields: Any) -> Contract:
    try:
        return Contract.from_json(fields)
    except ValueError as error:
        raise UsageError(f"{reference}: its preprocessing is not supported: {error}") from error
