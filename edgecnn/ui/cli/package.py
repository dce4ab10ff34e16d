"""``edgecnn package`` and ``edgecnn verify``: packages for devices, and their verification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, examples

if TYPE_CHECKING:
    from edgecnn.core.documents.package import SelfTestReport


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(
        "package",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn package runs/quickstart --for raspberry-pi",
            "edgecnn package runs/birds --for android --name birds --version 1.2.0 --sign key.pem",
        ),
    )(package)
    app.command(
        "verify",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn verify packages/quickstart-1.0.0-py3-none-any.whl",
            "edgecnn verify packages/birds-1.2.0.aar --key public.pem",
        ),
    )(verify)


def package(
    run: Annotated[Path, typer.Argument(metavar="RUN|ARTIFACT", help="A finished run, or one artifact.")],
    platform: Annotated[str, typer.Option("--for", metavar="PLATFORM", help="raspberry-pi or android.")],
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Target of the run; by default int8 before float.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder for the packages (packages).")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Name of the package and of its command: sharp-cam gives sharp_cam (the pipeline's).",
        ),
    ] = None,
    version: Annotated[str, typer.Option("--version", help="Version of the package.")] = "1.0.0",
    licence: Annotated[
        str | None, typer.Option("--licence", metavar="SPDX", help="Licence of the model.")
    ] = None,
    data_licence: Annotated[
        str | None, typer.Option("--data-licence", metavar="SPDX", help="Licence of the training data.")
    ] = None,
    java: Annotated[
        str | None,
        typer.Option("--java-package", metavar="NAME", help="Java package (dev.edgecnn.NAME)."),
    ] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", metavar="KEY", help="Sign with this private key (PEM).")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Package a run: model, preprocessing, labels and a self-test, for a Raspberry Pi or for Android."""
    import edgecnn
    from edgecnn.core.config.quantities import format_size
    from edgecnn.ui.cli.console import print_json, print_text

    result = edgecnn.package(
        run,
        platform,
        target=target,
        out=out,
        name=name,
        version=version,
        licence=licence,
        data_licence=data_licence,
        java=java,
        key=sign,
    )
    if json:
        print_json(result.to_json())
        return
    for path in result.paths:
        size = f" ({format_size(path.stat().st_size)})" if path.is_file() else ""
        print_text(f"{path}{size}")
    if result.platform == "raspberry-pi":
        print_text(f"installed, its command is `{result.name}`, and in Python `import {result.name}`")
    print_text(f"self-test here, {_tested(result.self_test)}")


def verify(
    path: Annotated[Path, typer.Argument(metavar="PACKAGE", help="A .whl, .tar.gz or .aar.")],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PEM", help="Public key of the signer.")
    ] = None,
    self_test: Annotated[
        bool | None,
        typer.Option(
            "--self-test/--no-self-test",
            help="Execute the package's own code, or nothing at all. By default edgecnn's own code tests the "
            "package's data, and the package's own code runs only if its signature is valid.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Verify a package: its signature, the digest of every file, and its self-test on this machine."""
    import edgecnn
    from edgecnn.ui.cli.console import print_json, print_text

    result = edgecnn.verify(path, key=key, self_test=self_test)
    if json:
        print_json(result.to_json())
        return
    what = f"{result.name} {result.version} for {result.platform}"
    if result.signed:
        print_text(f"{what}: {result.members} files unchanged, signature holds")
    else:
        print_text(
            f"{what}, as its own manifest says: {result.members} files are those that it lists; "
            "signature not checked"
        )
    if result.self_test is not None:
        whose = "the package's own" if result.self_test_code == "package" else "edgecnn's own"
        print_text(f"self-test by {whose} code, {_tested(result.self_test)}")


def _tested(found: SelfTestReport) -> str:
    return (
        f"{found.runtime}: {found.pictures} golden pictures, {found.bit_identical} bit-identical, "
        f"{found.same_best} with the same {found.compared}"
    )
