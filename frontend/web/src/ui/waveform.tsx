import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { decibels } from "../audio/activity";
import type { Level } from "../conversation/loudness";
import * as styles from "./waveform.module.css";

const FLOOR_DB = -60;
const BAR_PIXELS = 3;
const STEP_PIXELS = 5;
const CALM_EVERY = 5; // levels: four pictures a second

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Loudness of the last seconds, newest at the right. Where motion is unwelcome it is a bar that does not travel. */
export function Waveform({ level }: { level: Level }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const heights = useRef<number[]>([]);
  const seen = useRef(0);
  useSignalEffect(() => {
    const measured = level.value;
    if (!canvas.current) return;
    const height = measured ? Math.min(1, Math.max(0, 1 - decibels(measured.rms) / FLOOR_DB)) : 0;
    if (calm.matches) {
      if (seen.current++ % CALM_EVERY === 0 || !measured) drawMeter(canvas.current, height);
      return;
    }
    if (measured) heights.current.push(height);
    else heights.current.length = 0;
    drawBars(canvas.current, heights.current);
  });
  return (
    <div class={styles.waveform} aria-hidden="true">
      <canvas ref={canvas} />
    </div>
  );
}

/** The canvas in CSS pixels, cleared, in the colour of its text. */
function prepared(canvas: HTMLCanvasElement): [CanvasRenderingContext2D, number, number] | null {
  const { clientWidth: width, clientHeight: height } = canvas;
  const drawing = canvas.getContext("2d");
  if (!drawing || !width) return null;
  const ratio = devicePixelRatio;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  drawing.setTransform(ratio, 0, 0, ratio, 0, 0);
  drawing.clearRect(0, 0, width, height);
  drawing.fillStyle = getComputedStyle(canvas).color;
  return [drawing, width, height];
}

function drawBars(canvas: HTMLCanvasElement, heights: number[]): void {
  const area = prepared(canvas);
  if (!area) return;
  const [drawing, width, height] = area;
  const fitting = Math.ceil(width / STEP_PIXELS);
  heights.splice(0, heights.length - fitting);
  for (let index = 0; index < fitting; index++) {
    const share = heights[heights.length - 1 - index] ?? 0;
    const tall = Math.max(BAR_PIXELS, share * height);
    const left = width - (index + 1) * STEP_PIXELS;
    drawing.globalAlpha = (share > 0 ? 1 : 0.35) * (1 - (0.75 * index) / fitting);
    drawing.beginPath();
    drawing.roundRect(left, (height - tall) / 2, BAR_PIXELS, tall, BAR_PIXELS / 2);
    drawing.fill();
  }
}

function drawMeter(canvas: HTMLCanvasElement, share: number): void {
  const area = prepared(canvas);
  if (!area) return;
  const [drawing, width, height] = area;
  const thick = 8;
  for (const [part, alpha] of [
    [1, 0.25],
    [share, 1],
  ] as const) {
    drawing.globalAlpha = alpha;
    drawing.beginPath();
    drawing.roundRect(0, (height - thick) / 2, width * part, thick, thick / 2);
    drawing.fill();
  }
}
