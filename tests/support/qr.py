"""Reads QR codes, with the decoder of the library by which the page draws its own."""

import json
import subprocess
from pathlib import Path

from PIL import Image

WEB = Path(__file__).parents[2] / "frontend" / "web"
MODULE_PIXELS = 4
HALVES = {" ": (0, 0), "▀": (255, 0), "▄": (0, 255), "█": (255, 255)}
"""Brightness of the upper and the lower half of a character."""

DECODE = """
import { readFileSync } from "node:fs";
import decode from "qr/decode.js";
const { width, height, file } = JSON.parse(process.argv[1]);
process.stdout.write(decode({ width, height, data: readFileSync(file) }));
"""


def read_picture(picture: Path) -> str:
    """The text of the one code in a picture."""
    with Image.open(picture) as opened:
        image = opened.convert("RGBA")
    raw = picture.with_suffix(".rgba")
    raw.write_bytes(image.tobytes())
    given = json.dumps({"width": image.width, "height": image.height, "file": str(raw)})
    command = ["node", "--input-type=module", "--eval", DECODE, given]
    return subprocess.run(command, cwd=WEB, check=True, stdout=subprocess.PIPE, text=True).stdout


def read_terminal(printed: str, folder: Path) -> str:
    """The text of the code that was printed in half blocks, white on black."""
    lines = [line.split("\x1b[97;40m")[1].split("\x1b[0m")[0] for line in printed.splitlines() if "\x1b[97;40m" in line]
    image = Image.new("L", (len(lines[0]), 2 * len(lines)))
    for y, line in enumerate(lines):
        for x, character in enumerate(line):
            for half, brightness in enumerate(HALVES[character]):
                image.putpixel((x, 2 * y + half), brightness)
    picture = folder / "terminal.png"
    image.resize((image.width * MODULE_PIXELS, image.height * MODULE_PIXELS), Image.Resampling.NEAREST).save(picture)
    return read_picture(picture)
