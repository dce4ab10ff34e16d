"""The rows of a run's table, for the terminal and for Markdown alike."""

from __future__ import annotations

from typing import Any

from edgecnn.config.quantities import format_size

COLUMNS = ("target", "precision", "size", "top-1", "drop", "agreement", "SQNR", "latency", "ratio", "result")


def target_row(target: dict[str, Any]) -> tuple[str, ...]:
    """Return one target's cells, from its plain data in a run's summary."""
    if "precision" not in target:
        return (target["target"], *[""] * (len(COLUMNS) - 2), verdict(target))
    metrics, latency = target["metrics"], target["latency"]
    return (
        target["target"],
        target["precision"],
        format_size(target["size_bytes"]),
        f"{100 * metrics['value']:.2f} %" if metrics else "",
        _drop(metrics) if metrics else "",
        f"{100 * metrics['agreement']:.1f} %" if metrics else "",
        _sqnr(target["verification"]),
        f"{latency['candidate']['p50_ns'] / 1e6:.3g} ms" if latency else "",
        f"{latency['ratio']:.2f}" if latency else "",
        verdict(target),
    )


def verdict(target: dict[str, Any]) -> str:
    """Say in a word whether a target ships."""
    if target["ships"]:
        return "ships"
    return {3: "over budget", 4: "not verified"}.get(target["error"]["exit_code"], "failed")


def _drop(metrics: dict[str, Any]) -> str:
    low, high = (100 * value for value in metrics["drop_interval"])
    return f"{100 * metrics['drop']:+.2f} [{low:+.2f}, {high:+.2f}]"


def _sqnr(links: list[dict[str, Any]]) -> str:
    """Return the ratio of the shipping file against the float file, or of a float file against PyTorch."""
    for link in reversed(links):
        if "shipping_sqnr_db" in link["metrics"]:
            return f"{float(link['metrics']['shipping_sqnr_db']):.1f} dB"
    return f"{float(links[0]['metrics']['sqnr_db']):.0f} dB"
