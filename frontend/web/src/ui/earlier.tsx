import { earlier, isKeptSaved } from "../conversation/history";
import { beganAt, type Kept, MAX_EARLIER, MAX_SOUND_SECONDS } from "../conversation/kept";
import { strings } from "../strings";
import { card } from "./card.module.css";
import { Changing } from "./changing";
import * as styles from "./earlier.module.css";
import { Files } from "./files";
import { Line } from "./line";
import * as text from "./text.module.css";

/** The conversations before the present one, the newest first, each with its transcript and its files. */
export function Earlier() {
  const kept = earlier.value;
  if (kept.length === 0) return null;
  return (
    <section class={`${card} ${styles.earlier}`} aria-labelledby="earlier-title">
      <h2 id="earlier-title">{strings.earlier.title}</h2>
      <p class={text.hint}>{strings.earlier.hint(MAX_EARLIER, MAX_SOUND_SECONDS / 60)}</p>
      <ul>
        {[...kept].reverse().map((one) => (
          <li key={one.id}>
            <Conversation kept={one} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Conversation({ kept }: { kept: Kept }) {
  const began = beganAt(kept);
  return (
    <details>
      <summary>
        <time dateTime={began.toISOString()}>{began.toLocaleTimeString([], { timeStyle: "short" })}</time>
        <span class={styles.words}>{kept.lines[0]?.text.trim() ?? strings.earlier.noWords}</span>
        <Changing>{isKeptSaved(kept) ? strings.earlier.saved : strings.earlier.unsaved}</Changing>
      </summary>
      {kept.lines.length > 0 && (
        // It scrolls, so the keyboard has to reach it.
        // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
        // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
        <div class={styles.text} tabIndex={0} role="group" aria-label={strings.captions}>
          {kept.lines.map((line, index) => (
            <Line key={index} line={line} />
          ))}
        </div>
      )}
      <div class={styles.files}>
        <Files kept={kept} />
      </div>
    </details>
  );
}
