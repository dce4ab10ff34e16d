"""Tests of packages that extend edgecnn; the packages themselves are installed, not collected."""

collect_ignore_glob = ["toy_*"]
