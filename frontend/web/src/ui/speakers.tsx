import { check } from "../conversation/check";
import { inputLevel, outputLevel } from "../conversation/loudness";
import { state } from "../conversation/state";
import { strings } from "../strings";
import { Changing } from "./changing";
import { moshiIs, youAre } from "./hearing";
import { Microphone, Voice } from "./icons";
import * as styles from "./speakers.module.css";
import { visuallyHidden } from "./text.module.css";
import { Waveform } from "./waveform";

/** Both sides of the conversation: loudness, and whether it is heard. */
export function Speakers() {
  const you = youAre.value;
  const moshi = moshiIs.value;
  const test = check.value;
  const live = state.value.name === "live";
  return (
    <div class={styles.speakers}>
      <div class={`${styles.speaker} ${styles.you}`} data-activity={you} data-live={live || test.name === "listening"}>
        <span class={styles.badge}>
          <Microphone off={you === "muted" || you === "mutedSpeaking"} />
        </span>
        <p class={styles.who}>
          <b>{strings.you}</b>
          <span data-testid="you">
            <Changing>{strings.activity[you]}</Changing>
          </span>
          {test.name === "listening" && test.device && (
            <span class={styles.device} dir="auto" data-testid="device">
              {test.device}
            </span>
          )}
        </p>
        <Waveform level={inputLevel} />
      </div>
      <div class={`${styles.speaker} ${styles.moshi}`} data-activity={moshi} data-live={live}>
        <span class={styles.badge}>
          <Voice />
        </span>
        <p class={styles.who}>
          <b>{strings.moshi}</b>
          <span data-testid="moshi">
            <Changing>{strings.activity[moshi]}</Changing>
          </span>
        </p>
        <Waveform level={outputLevel} />
      </div>
      {/* In a call the words change all the time, so screen readers are told of the test alone. */}
      <p class={visuallyHidden} role="status">
        {test.name === "listening" && <Changing>{strings.activity[you]}</Changing>}
      </p>
    </div>
  );
}
