from edgecnn.data.digest import combine


def test_combine_tells_everything_apart() -> None:
    values = [
        combine([], []),
        combine([], [("a",)]),
        combine([], [("a",), ("b",)]),
        combine([], [("a", "b")]),
        combine(["a"], [("b",)]),
        combine([], [("a", 1)]),
        combine([], [("a", "1")]),
    ]
    assert len(set(values)) == len(values)
