"""``edgecnn advise``: changes so that an NPU runs a network, or runs it at lower cost."""

from __future__ import annotations

from typing import Annotated

import typer

from edgecnn.ui.cli.options import JsonOption, NetworkOption, OutOption, examples


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "advise",
        no_args_is_help=True,
        epilog=examples(
            "edgecnn advise timm:efficientnet_b0 --target ethos-u55-128",
            "edgecnn advise runs/quickstart/checkpoint --target ethos-u55-128 --sram '256 kB'",
        ),
    )(advise)


def advise(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|ARTIFACT",
            help="zoo:NAME, timm:NAME, torchvision:NAME, python:package.module:factory, "
            "a checkpoint or an artifact.",
        ),
    ],
    target: Annotated[str, typer.Option("--target", "-t", help="An Ethos-U target.")],
    arguments: Annotated[
        list[str] | None,
        typer.Option(
            "--argument",
            "-a",
            metavar="KEY=VALUE",
            help="Argument of the network's builder, such as width=0.5.",
            show_default=False,
        ),
    ] = None,
    sram: Annotated[
        str | None,
        typer.Option(
            "--sram",
            metavar="SIZE",
            help="Available SRAM; the target's budget if not given.",
            show_default=False,
        ),
    ] = None,
    network: NetworkOption = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Try changes to a network on an NPU, by building and compiling each, and say which of them help."""
    import edgecnn
    from edgecnn.core.config.yaml_source import YamlSource, override
    from edgecnn.ui.cli.console import print_json, print_table, print_text
    from edgecnn.ui.report.advice import COLUMNS, advice_lines, advice_rows, worth

    source = YamlSource({}, {}, "command line")
    for assignment in arguments or []:
        source = override(source, assignment)
    advice = edgecnn.advise(model, target, arguments=source.data, sram=sram, network=network, out=out)
    if json:
        print_json(advice.to_json())
        return
    print_table(f"{model} on {target}", COLUMNS, advice_rows(advice))
    for line in advice_lines(advice):
        print_text(f"- {line}")
    print_text(worth(advice))
