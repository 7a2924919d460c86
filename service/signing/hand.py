"""A drawn signature: point lists of a signature pad as smooth strokes (Catmull-Rom splines as Bézier curves)."""

import math
from collections.abc import Sequence

from service.errors import InputError

Point = tuple[float, float]
Stroke = Sequence[Point]
Box = tuple[float, float, float, float]

STROKES_MAX = 200
POINTS_MAX = 6_000  # of all strokes; a pad sends about 100 a second
COORDINATE_MAX = 100_000.0
STEP = 0.012  # points closer than this part of the picture's longer side tremble, they don't shape
PEN = 1.35  # pt
SMOOTHING = 1 / 6  # uniform Catmull-Rom


def draw(strokes: Sequence[Stroke], box: Box) -> bytes:
    """Return the operators that draw `strokes` (y down, any unit) as large as fits into `box`, at its left.

    Raises InputError for a drawing that is empty, too large, or holds something other than finite numbers.
    """
    lines = _normalise(require_drawing(strokes), box)
    parts = [b"q 1 J 1 j %.2f w\n" % PEN]
    parts += [_curve(line) for line in lines]
    return b"".join([*parts, b"Q\n"])


def require_drawing(strokes: Sequence[Stroke]) -> list[list[Point]]:
    """Return the strokes as numbers; raise InputError for a drawing that is empty, too large or not of numbers."""
    if not 1 <= len(strokes) <= STROKES_MAX or sum(len(stroke) for stroke in strokes) > POINTS_MAX:
        raise InputError("E-SIG-054", "手写签名为空或过于复杂；请重新签写。")
    try:
        drawn = [[(float(x), float(y)) for x, y in stroke] for stroke in strokes if stroke]
    except (TypeError, ValueError, OverflowError) as exc:
        raise InputError("E-SIG-055", "手写签名的坐标不是数字；请重新签写。") from exc
    # NaN fails every comparison, so it is refused here too.
    if not all(abs(number) <= COORDINATE_MAX for stroke in drawn for point in stroke for number in point):
        raise InputError("E-SIG-055", "手写签名的坐标超出范围；请重新签写。")
    if sum(len(set(stroke)) for stroke in drawn) < 2:
        raise InputError("E-SIG-054", "手写签名只有一个点；请重新签写。")
    return drawn


def _normalise(strokes: list[list[Point]], box: Box) -> list[list[Point]]:
    """Return the strokes scaled into `box`, y up, without trembling."""
    xs = [x for stroke in strokes for x, _ in stroke]
    ys = [y for stroke in strokes for _, y in stroke]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    left, low, right, top = box[0] + PEN, box[1] + PEN, box[2] - PEN, box[3] - PEN
    scale = min((right - left) / wide if wide else math.inf, (top - low) / high if high else math.inf)
    if math.isinf(scale):
        raise InputError("E-SIG-054", "手写签名只有一个点；请重新签写。")
    raised = low + ((top - low) - high * scale) / 2
    step = STEP * max(wide, high) * scale
    placed = [
        [(left + (x - min(xs)) * scale, raised + (max(ys) - y) * scale) for x, y in stroke]
        for stroke in strokes
    ]
    return [_thin(stroke, step) for stroke in placed]


def _thin(stroke: list[Point], step: float) -> list[Point]:
    kept = [stroke[0]]
    for point in stroke[1:-1]:
        if math.dist(point, kept[-1]) >= step:
            kept.append(point)
    if len(stroke) > 1:
        kept.append(stroke[-1])
    return kept


def _curve(stroke: list[Point]) -> bytes:
    """Return one stroke; a single point becomes a dot under the round cap."""
    parts = [b"%.2f %.2f m" % stroke[0]]
    if len(stroke) == 1:
        parts.append(b"%.2f %.2f l" % stroke[0])
    padded = [stroke[0], *stroke, stroke[-1]]
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        first = (start[0] + (end[0] - before[0]) * SMOOTHING, start[1] + (end[1] - before[1]) * SMOOTHING)
        second = (end[0] - (after[0] - start[0]) * SMOOTHING, end[1] - (after[1] - start[1]) * SMOOTHING)
        parts.append(b"%.2f %.2f %.2f %.2f %.2f %.2f c" % (*first, *second, *end))
    return b"\n".join(parts) + b" S\n"
