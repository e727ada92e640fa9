"""Geometry by other means than the service's: dense sampling and tangent planes, good to 1e-6 degrees."""

from __future__ import annotations

import re

import numpy as np


def xyz(lon, lat):
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def separation(lon1, lat1, lon2, lat2):
    """Degrees between positions, by the half-angle of the difference vector."""
    return np.degrees(
        2 * np.arcsin(np.clip(np.linalg.norm(xyz(lon1, lat1) - xyz(lon2, lat2), axis=-1) / 2, 0, 1))
    )


def shapes(stcs: str):
    """(kind, numbers) of each shape of an STC-S text made of circles and polygons."""
    return [
        (kind.lower(), np.array(numbers.split(), dtype=float))
        for kind, numbers in re.findall(
            r"(Circle|Polygon)\s+(?:ICRS\s+)?([-+0-9.eE\s]+)", stcs, flags=re.IGNORECASE
        )
    ]


def tangent(lon0, lat0, lon, lat):
    """Gnomonic plane around a centre: great circles become straight lines."""
    lon, lat = np.radians(np.asarray(lon) - lon0), np.radians(lat)
    c0, s0 = np.cos(np.radians(lat0)), np.sin(np.radians(lat0))
    d = s0 * np.sin(lat) + c0 * np.cos(lat) * np.cos(lon)
    return np.stack(
        [np.cos(lat) * np.sin(lon) / d, (c0 * np.sin(lat) - s0 * np.cos(lat) * np.cos(lon)) / d], axis=-1
    )


def in_plane_polygon(point, vertices) -> bool:
    """Even-odd rule for one point in a plane."""
    x, y = point
    a, b = vertices, np.roll(vertices, -1, axis=0)
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    at = a[:, 0] + (y - a[:, 1]) / np.where(b[:, 1] == a[:, 1], np.inf, b[:, 1] - a[:, 1]) * (
        b[:, 0] - a[:, 0]
    )
    return bool(np.count_nonzero(crosses & (at > x)) % 2)


def outline(kind, numbers, steps=200):
    """Dense points (lon, lat) along the border of a circle or polygon."""
    if kind == "circle":
        lon, lat, radius = numbers
        angle = np.linspace(0, 2 * np.pi, 720)
        east = np.array([-np.sin(np.radians(lon)), np.cos(np.radians(lon)), 0])
        centre = xyz(lon, lat)
        north = np.cross(centre, east)
        r = np.radians(radius)
        ring = np.cos(r) * centre + np.sin(r) * (
            np.outer(np.cos(angle), east) + np.outer(np.sin(angle), north)
        )
    else:
        corner = xyz(numbers[0::2], numbers[1::2])
        weight = np.linspace(0, 1, steps, endpoint=False)[:, None]
        ring = np.concatenate(
            [a * (1 - weight) + b * weight for a, b in zip(corner, np.roll(corner, -1, axis=0))]
        )
        ring /= np.linalg.norm(ring, axis=1)[:, None]
    return np.degrees(np.arctan2(ring[:, 1], ring[:, 0])) % 360, np.degrees(np.arcsin(ring[:, 2]))


def inside(kind, numbers, lon, lat):
    """Whether points lie in a circle or polygon (polygons of less than a hemisphere)."""
    lon, lat = np.atleast_1d(lon), np.atleast_1d(lat)
    if kind == "circle":
        return separation(numbers[0], numbers[1], lon, lat) <= numbers[2]
    lon0, lat0 = numbers[0::2], numbers[1::2]
    mean = xyz(lon0, lat0).mean(axis=0)
    centre = np.degrees(np.arctan2(mean[1], mean[0])), np.degrees(np.arcsin(mean[2] / np.linalg.norm(mean)))
    plane = tangent(*centre, lon0, lat0)
    near = separation(*centre, lon, lat) < 89
    points = tangent(*centre, lon, lat)
    return np.array([n and in_plane_polygon(p, plane) for n, p in zip(near, points)])


def overlap(one, other) -> bool:
    """Whether two shapes share a point: some border point of one lies in the other."""
    return bool(inside(*other, *outline(*one)).any() or inside(*one, *outline(*other)).any())
