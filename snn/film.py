"""Films: frames drawn by matplotlib without a screen, written one by one as mp4 or gif."""
import shutil
import struct
import subprocess
import tempfile

import numpy as np

from snn.errors import OutputError, RunError
from snn.report.style import DARK

DPI = 100


class Stage:
    """What does not change from frame to frame is drawn once; :meth:`frame` adds the neurons, the time and a line."""

    def __init__(self, sources, rates, window, speed, positions):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.gridspec import GridSpec
        columns = 1 if len(sources) == 1 else 2 if len(sources) in (2, 4) else 3
        rows = -(-len(sources) // columns)
        height = 1.1 + (5.0 if columns == 1 else 8.0 / columns) * rows + (1.4 if rates else 0.0)
        figure = Figure(figsize=(8.0, round(height * DPI / 2) * 2 / DPI), dpi=DPI, facecolor=DARK["ground"])
        self.canvas = FigureCanvasAgg(figure)
        self.size = tuple(int(v) for v in self.canvas.get_width_height())
        lower = 1.9 / height if rates else 0.06
        grid = GridSpec(rows, columns, figure, left=0.05, right=0.95, top=1.0 - 0.85 / height, bottom=lower, hspace=0.2,
                        wspace=0.1)
        self.panels = [_panel(figure.add_subplot(grid[k // columns, k % columns]), source, positions, k)
                       for k, source in enumerate(sources)]
        self.sources, self.moving = sources, [artist for _, artist in self.panels]
        self.now = figure.text(0.05, 1.0 - 0.3 / height, "", color=DARK["ink"], fontsize=15, va="center",
                               weight="bold", animated=True)
        figure.text(0.95, 1.0 - 0.3 / height, f"{speed:.3g} × real time", color=DARK["muted"], fontsize=10, va="center",
                    ha="right")
        self.line = _rate_axes(figure, rates, window, height) if rates else None
        self.canvas.draw()
        self.still = self.canvas.copy_from_bbox(figure.bbox)
        self.figure = figure

    def frame(self, t):
        """The picture at the time ``t`` [ms], uint8 [height, width, 4]; times must ascend."""
        self.canvas.restore_region(self.still)
        for source, (fill, artist) in zip(self.sources, self.panels, strict=True):
            fill(source.at(t))
            artist.axes.draw_artist(artist)
        self.now.set_text(f"{t:.1f} ms")
        self.figure.draw_artist(self.now)
        if self.line is not None:
            self.line.set_xdata([t, t])
            self.line.axes.draw_artist(self.line)
        return np.asarray(self.canvas.buffer_rgba())


def _panel(ax, source, positions, k):
    """Neurons as an image or as points; gives ``(function that sets their values, artist)``."""
    unit = f" [{source.unit}]" if source.unit not in ("", "1") else ""
    ax.set_title(f"{source.name}{unit}  ({source.n})", color=DARK[f"c{k}"], fontsize=11, loc="left", pad=6)
    ax.set(xticks=[], yticks=[], facecolor=DARK["card"])
    ax.spines[:].set_visible(False)
    if source.name.split(".")[0] in positions:
        artist = _points(ax, source, np.asarray(positions[source.name.split(".")[0]], float))
        fill = artist.set_array
    else:
        side = max(1, int(np.ceil(np.sqrt(source.n))))
        cells = np.full(side * -(-source.n // side), np.nan)
        artist = ax.imshow(cells.reshape(-1, side), aspect="auto", interpolation="antialiased")

        def fill(values):
            cells[:source.n] = values
            artist.set_data(cells.reshape(-1, side))
    artist.set(cmap=_colours(), animated=True)
    artist.set_clim(*source.limits)
    if source.ids is not None:
        bar = ax.figure.colorbar(artist, ax=ax, pad=0.02, fraction=0.04)
        bar.ax.tick_params(colors=DARK["muted"], labelsize=8)
        bar.outline.set_visible(False)
    return fill, artist


def _points(ax, source, where):
    wanted = source.n if source.ids is None else int(source.ids.max(initial=-1)) + 1
    if where.ndim != 2 or where.shape[1] < 2 or len(where) < wanted or not np.isfinite(where[:, :2]).all():
        raise RunError(f"animate.positions: of {source.name!r} have shape {where.shape}. "
                       f"{wanted} rows of two or more finite numbers are needed.")
    where = where[:source.n] if source.ids is None else where[source.ids]
    ax.set_aspect("equal", adjustable="datalim")
    size = float(np.clip(60_000.0 / max(source.n, 1), 3.0, 120.0))
    return ax.scatter(where[:, 0], where[:, 1], c=np.zeros(source.n), s=size, linewidths=0)


def _colours():
    """From the colour of the card to a bright yellow; missing values are as dark as the ground."""
    from matplotlib.colors import LinearSegmentedColormap
    steps = ["#20262d", "#2f4f7f", "#b0478c", "#ff8a5c", "#fff3b8"]
    return LinearSegmentedColormap.from_list("glow", steps).with_extremes(bad=DARK["ground"])


def _rate_axes(figure, rates, window, height):
    ax = figure.add_axes((0.09, 0.6 / height, 0.86, 1.0 / height), facecolor=DARK["ground"])
    for k, (name, (edges, rate)) in enumerate(rates.items()):
        ax.stairs(rate, edges, baseline=None, color=DARK[f"c{k}"], linewidth=1.0, label=name)
    ax.set(xlim=window, xlabel="time [ms]", ylabel="rate [Hz]")
    ax.set_ylim(bottom=0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(DARK["rule"])
    ax.tick_params(colors=DARK["muted"], labelsize=8)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(color=DARK["muted"], fontsize=9)
    return ax.axvline(window[0], color=DARK["ink"], linewidth=1.2, animated=True)


class Mp4:
    """Frames through a pipe into ffmpeg, which takes the best encoder that it has."""

    def __init__(self, path, size, fps):
        width, height = size
        self.path, self.told = path, tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{width}x{height}",
             "-r", f"{fps:g}", "-i", "-", "-an", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.told)

    @staticmethod
    def check():
        if shutil.which("ffmpeg") is None:
            raise RunError("animate.path: an .mp4 needs the program ffmpeg, which is not there. "
                           "Install it, or write a .gif.")

    def __enter__(self):
        return self

    def add(self, frame):
        try:
            self.process.stdin.write(frame.tobytes())
        except OSError:
            self._fail()

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        try:
            self.process.stdin.close()
        except OSError:
            pass                                # ffmpeg is gone; its exit status is looked at below
        if self.process.wait() and kind is None:
            self._fail()
        self.told.close()

    def _fail(self):
        self.process.wait()
        self.told.seek(0)
        text = self.told.read().decode(errors="replace").strip().splitlines()
        raise OutputError(f"animate.path: ffmpeg could not write '{self.path}' ({text[-1] if text else 'no reason'}).")


class Gif:
    """Frames as a gif that repeats; of each frame only the part that has changed is written.

    Pillow's own way of writing a film keeps all frames in memory, so that only its encoder of a single frame is used.
    """

    def __init__(self, path, size, fps):
        self.path, self.size, self.delay = path, size, 10 * max(2, round(100.0 / fps))      # ms
        self.before = None

    @staticmethod
    def check():
        try:
            import PIL.GifImagePlugin  # noqa: F401
        except ImportError as err:
            raise RunError("animate.path: a .gif needs the package Pillow. Install it: pip install pillow") from err

    def __enter__(self):
        from PIL import Image
        self.palette = Image.new("P", (1, 1))
        self.palette.putpalette(_palette())
        try:
            self.file = open(self.path, "wb")
            self.file.write(b"GIF89a" + struct.pack("<HHBBB", *self.size, 0xF7, 0, 0) + _palette()
                            + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
        except OSError as err:
            raise OutputError(f"animate.path: '{self.path}' could not be written ({err.strerror}).") from err
        return self

    def add(self, frame):
        from PIL import GifImagePlugin, Image
        image = Image.fromarray(frame[..., :3]).quantize(palette=self.palette, dither=Image.Dither.NONE)
        now = np.asarray(image)
        x0, y0, x1, y1 = 0, 0, *self.size
        if self.before is not None:
            rows, columns = (np.flatnonzero((now != self.before).any(axis=axis)) for axis in (1, 0))
            y0, y1, x0, x1 = (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if len(rows) else (0, 1, 0, 1)
        self.before = now
        part = image.crop((int(x0), int(y0), int(x1), int(y1)))
        try:
            for piece in GifImagePlugin.getdata(part, (int(x0), int(y0)), duration=self.delay):
                self.file.write(piece)
        except OSError as err:
            raise OutputError(f"animate.path: '{self.path}' could not be written ({err.strerror}).") from err

    def __exit__(self, *_):
        self.file.write(b";")
        self.file.close()


def _palette():
    """256 colours: those of the neurons, and from the ground to every colour of lines and text."""
    from matplotlib.colors import to_rgb
    glow = _colours()(np.linspace(0.0, 1.0, 144))[:, :3]
    ground = np.array(to_rgb(DARK["ground"]))
    names = ["ink", "muted", "rule", "c0", "c1", "c2", "c3", "c4", "c5"]
    blends = [ground + (np.array(to_rgb(DARK[name])) - ground) * f for name in names for f in np.linspace(0.1, 1.0, 12)]
    table = np.vstack([ground[None], to_rgb(DARK["card"]), glow, blends])[:256]
    return np.pad((255 * table).round().astype(np.uint8), ((0, 256 - len(table)), (0, 0))).tobytes()


WRITERS = {".mp4": Mp4, ".gif": Gif}
