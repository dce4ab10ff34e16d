"""Rockchip's RKNN toolkit: compiler and simulator."""
