"""A layer that was broken on purpose is found, in every format, with its cause and what mends it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.dissection import Dissection, Piece, ProbePoint, pieces
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.formats import load_format
from edgecnn.backends.registry import find_format, formats
from edgecnn.backends.worker.isa import ISAS
from edgecnn.backends.worker.runtime import Execution
from edgecnn.core.documents.diagnosis import Diagnosis
from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.devices.host import host
from edgecnn.proof.diagnosis.diagnose import diagnose_files
from edgecnn.proof.diagnosis.layer_experiment import walk
from edgecnn.proof.diagnosis.subject import DiagnosisRequest
from tests.backends.conftest import Make
from tests.support import damage

EVERY_FORMAT = pytest.mark.parametrize("name", list(formats()))
CONVOLUTIONS = {"onnx": "Conv", "tflite": "CONV_2D", "openvino": "Convolution+Add"}


def diagnosed(
    name: str, model: Path, float_model: Path, images: Path, network: Path | None = None
) -> Diagnosis:
    isa = ISAS.get(host().isa)
    request = DiagnosisRequest(
        format=name,
        model=model,
        float_model=float_model,
        images=images,
        network=network,
        target=None,
        shipping="shipping",
        runtime=find_format(name).runtime,
        host_isa=host().isa,
        saturates=isa is not None and isa.int8_saturates,
    )
    return diagnose_files(request, progress=lambda _done, _total: None)


def bottlenecks(name: str, quantized: Make, lowered: Make) -> list[Piece]:
    """Return the 1x1 convolutions without an activation function; nothing clips their outputs."""
    dissection = load_format(name).dissect(quantized(name).file, lowered(name).file)
    return [piece for piece in pieces(dissection) if piece.operation == CONVOLUTIONS[name]]


@EVERY_FORMAT
def test_nothing_stands_out_in_a_healthy_network(
    name: str, lower: Make, quantize: Make, calibration: Path, checkpoint: Path
) -> None:
    found = diagnosed(name, quantize(name).file, lower(name).file, calibration, checkpoint)
    problems = {layer.name: layer.problem for layer in found.layers if layer.problem}
    assert not problems
    assert not any(layer.weights.changed for layer in found.layers if layer.weights)
    assert not any("saturates" in (layer.cause or "") for layer in found.layers)
    assert abs(found.whole.sqnr_db - found.whole.reference_sqnr_db) < 1.0
    modules = [layer.module for layer in found.layers if layer.weights]
    assert None not in modules, "a layer of the file was not found in the network"
    assert len(set(modules)) == len(modules)
    last = max(found.layers, key=lambda layer: layer.position)
    assert last.accumulated_sqnr_db == pytest.approx(found.whole.reference_sqnr_db, abs=0.01)


@EVERY_FORMAT
def test_a_range_cut_to_a_tenth_is_found(
    name: str,
    lower: Make,
    quantize: Make,
    request_int8: QuantizeRequest,
    calibration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    victim = bottlenecks(name, quantize, lower)[2]
    tensor = victim.output.counterpart
    broken = damage.with_range(name, lower(name).file, tensor, 0.1, request_int8, tmp_path, monkeypatch)
    worst = diagnosed(name, broken, lower(name).file, calibration).layers[0]
    assert worst.name == victim.name
    assert worst.effect_share > 0.5
    assert worst.range is not None
    assert worst.range.clipped > 0.2
    assert "clips" in (worst.cause or "")
    assert worst.fix == {"quantize": {"ranges": "extremes"}}


@EVERY_FORMAT
def test_a_range_fifty_times_too_wide_is_found(
    name: str,
    lower: Make,
    quantize: Make,
    request_int8: QuantizeRequest,
    calibration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    victim = bottlenecks(name, quantize, lower)[1]
    tensor = victim.output.counterpart
    broken = damage.with_range(name, lower(name).file, tensor, 50.0, request_int8, tmp_path, monkeypatch)
    worst = diagnosed(name, broken, lower(name).file, calibration).layers[0]
    assert worst.name == victim.name
    assert worst.range is not None
    assert worst.range.unused > 0.8
    assert "times wider than the values" in (worst.cause or "")
    assert worst.fix == {"quantize": {"ranges": "search"}}


@EVERY_FORMAT
def test_a_weight_channel_scaled_by_100_is_found(
    name: str,
    lower: Make,
    quantize: Make,
    request_int8: QuantizeRequest,
    calibration: Path,
    checkpoint: Path,
    tmp_path: Path,
) -> None:
    victim = bottlenecks(name, quantize, lower)[1]
    change = damage.scale_channel(5, 100.0)
    scaled = damage.with_weights(name, lower(name).file, victim.name, change, tmp_path)
    (tmp_path / "int8").mkdir()
    load_format(name).quantize(scaled, tmp_path / "int8", request_int8)
    worst = diagnosed(
        name, tmp_path / "int8" / scaled.name, lower(name).file, calibration, checkpoint
    ).layers[0]
    assert worst.name == victim.name
    assert worst.weights is not None
    assert worst.weights.changed == (5,)
    assert worst.weights.gain == pytest.approx(100, rel=0.02)
    assert "in the int8 file channel 5 is 100 times the float file's" in (worst.cause or "")
    assert worst.fix == {"quantize": {"float_layers": [worst.module]}}
    # The same file against the float file that it really came from: its channel leaves the others no levels.
    own = diagnosed(name, tmp_path / "int8" / scaled.name, scaled, calibration).layers
    layer = next(layer for layer in own if layer.name == victim.name)
    assert layer.weights is not None
    assert layer.weights.changed == ()
    assert "one weight channel dominates: channel 5" in (layer.cause or "")
    assert layer.fix == {"quantize": {"method": "equalize"}}


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_a_saturating_kernel_is_found(
    name: str, lower: Make, quantize: Make, request_int8: QuantizeRequest, calibration: Path, tmp_path: Path
) -> None:
    here = ISAS.get(host().isa)
    if here is None or not here.int8_saturates:
        pytest.skip(f"int8 kernels do not saturate on this CPU ({host().isa})")
    victim = bottlenecks(name, quantize, lower)[1]
    dissection = load_format(name).dissect(quantize(name).file, lower(name).file)
    feeder = next(piece for piece in pieces(dissection) if piece.output.key == victim.inputs[0].key)
    # Inputs of 0 or 255 and weights of one size and sign: the sum of two products leaves 16 bits often.
    for folder in ("fed", "int8"):
        (tmp_path / folder).mkdir()
    fed = damage.with_weights(name, lower(name).file, feeder.name, damage.steep, tmp_path / "fed")
    alike = damage.with_weights(name, fed, victim.name, damage.all_alike, tmp_path)
    load_format(name).quantize(alike, tmp_path / "int8", replace(request_int8, isa="x86-64-avx512-vnni"))
    layers = diagnosed(name, tmp_path / "int8" / alike.name, alike, calibration).layers
    broken = next(layer for layer in layers if layer.name == victim.name)
    assert broken.alone_sqnr_db - broken.shipping_sqnr_db > 3
    assert broken.kernel_gap_steps > 4
    for layer in (broken, layers[0]):  # all 8 bits in every layer: the worst one saturates too
        assert f"saturates on this CPU ({here.name})" in (layer.cause or "")
        assert layer.fix == {"isa": here.name}


def test_xnnpack_rounds_otherwise_than_the_reference_and_is_not_blamed(
    lower: Make, quantize: Make, calibration: Path
) -> None:
    found = diagnosed("tflite", quantize("tflite").file, lower("tflite").file, calibration)
    gaps = [layer.kernel_gap_steps for layer in found.layers]
    assert max(gaps) >= 1, "XNNPACK's rounding is the reference's: the kernel gap no longer shows anything"
    assert max(gaps) <= 4
    assert not any("kernel" in (layer.cause or "") for layer in found.layers)


class Refusing:
    """A dissection that cannot cut one piece out, as where a runtime has no kernel for it alone."""

    def __init__(self, real: Dissection, key: str) -> None:
        self._real, self._key = real, key

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def cut(self, inputs: Sequence[ProbePoint], output: ProbePoint, execution: Execution) -> Any:
        if output.key == self._key:
            raise InputError("no kernel takes this operation alone")
        return self._real.cut(inputs, output, execution)


def test_a_piece_that_cannot_be_cut_out_says_so_and_the_others_go_on(
    lower: Make, quantize: Make, calibration: Path
) -> None:
    dissection = load_format("onnx").dissect(quantize("onnx").file, lower("onnx").file)
    found = pieces(dissection)
    images = Calibration(PreparedSet.open(calibration), dissection.layout)
    refusing = Refusing(dissection, found[4].output.key)
    chunk = [images[index] for index in range(3)]
    walked = walk(refusing, chunk, [0, 1, 2], progress=lambda _done, _total: None)  # type: ignore[arg-type]
    problems = [place for place, tally in enumerate(walked.tallies) if tally.problem is not None]
    assert problems == [4]
    assert "no kernel takes this operation alone" in str(walked.tallies[4].problem)
    assert all(math.isfinite(tally.accumulated.db) for tally in walked.tallies[:4])
    assert math.isnan(walked.tallies[5].accumulated.db), "nothing is known of the int8 file behind it"
    assert all(tally.votes.images == 3 for place, tally in enumerate(walked.tallies) if place != 4)
    assert walked.whole.images == 3


@EVERY_FORMAT
def test_a_float_file_of_another_network_is_refused(
    name: str, lower: Make, quantize: Make, calibration: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="holds no quantized tensor"):
        diagnosed(name, lower(name).file, lower(name).file, calibration)
    stranger = damage.copied(lower(name).file, tmp_path)
    dissection = load_format(name).dissect(quantize(name).file, lower(name).file)
    weighted = [piece for piece in pieces(dissection) if any(node.weighted for node in piece.float_nodes)]
    for place, piece in enumerate(weighted):
        out = tmp_path / str(place)  # OpenVINO maps the file that it reads: it cannot be written over
        out.mkdir()
        stranger = damage.with_weights(name, stranger, piece.name, lambda weights: weights[::-1], out)
    with pytest.raises(InputError, match="the float file of another network"):
        diagnosed(name, quantize(name).file, stranger, calibration)
