import { type ReadonlySignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { strings } from "../strings";

const FLOOR_DB = -60;

/** Loudness as a bar, from -60 dB to full scale. */
export function Meter({ who, level }: { who: string; level: ReadonlySignal<number> }) {
  const bar = useRef<HTMLDivElement>(null);
  const meter = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    const decibels = 20 * Math.log10(Math.max(level.value, 1e-6));
    const share = Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
    // Through the object model: the content security policy allows no style attributes.
    if (bar.current) bar.current.style.transform = `scaleX(${share.toFixed(3)})`;
    meter.current?.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  });
  return (
    <div class="meter">
      <span class="meter-name">{who}</span>
      {/* biome-ignore lint/a11y/useSemanticElements: the meter element cannot be drawn alike in all browsers */}
      <div
        ref={meter}
        class="meter-track"
        role="meter"
        aria-label={strings.level(who)}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={0}
      >
        <div ref={bar} class="meter-bar" />
      </div>
    </div>
  );
}
