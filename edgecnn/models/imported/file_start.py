"""What a file is that does not parse as ONNX, by its first bytes: a wrong name is as frequent as damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 64
_TFLITE, _TFLITE_PLACE = b"TFL3", 4
_COMPLETE = "copy or download it again, and give the .onnx file itself, not packed or encrypted"
_RENAME = "give it under the name that its format has, or the .onnx file itself"
_STARTS: dict[bytes, tuple[str, str]] = {
    b"PK\x03\x04": ("a zip file", "unpack it; what PyTorch wrote is exported with torch.onnx.export"),
    b"\x1f\x8b": ("packed with gzip", "unpack it with gunzip"),
    b"\xfd7zXZ": ("packed with xz", "unpack it with unxz"),
    b"\x89HDF\r\n": ("an HDF5 file, as Keras writes them", "give it a name that ends in .h5"),
    **dict.fromkeys(
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        ("a pickle, as torch.save writes them", "export the network with torch.onnx.export"),
    ),
    b"version https://git-lfs": ("a pointer of Git LFS", "fetch the file itself with git lfs pull"),
    b"<": ("a text of HTML or XML", "it is a web page or an OpenVINO .xml; give the .onnx file"),
    b"{": ("a text of JSON", _RENAME),
    b"GGUF": ("a GGUF file of a language model", "give an .onnx file of a network for images"),
}


def unreadable(file: Path, start: bytes) -> InputError:
    """Return the error for a file that does not parse as ONNX.

    Args:
        file: Its name.
        start: Its first bytes, :data:`HEAD_BYTES` or fewer.
    """
    if start[_TFLITE_PLACE:].startswith(_TFLITE):
        what, way_out = "a TFLite file", "give it a name that ends in .tflite"
        return InputError(f"{file} is not an ONNX file but {what}", hint=way_out)
    for sign, (what, way_out) in _STARTS.items():
        if start.startswith(sign):
            return InputError(f"{file} is not an ONNX file but {what}", hint=way_out)
    return InputError(f"{file} is not an ONNX file, or it is truncated", hint=_COMPLETE)
