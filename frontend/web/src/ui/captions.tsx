import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { notRecorded } from "../conversation/history";
import { outputActivity } from "../conversation/loudness";
import { strings } from "../strings";
import { lines, unannounced } from "../transcript/captions";
import * as styles from "./captions.module.css";
import { card } from "./card.module.css";
import { Changing } from "./changing";
import { ProblemText } from "./code";
import { Line } from "./line";
import { Note } from "./note";
import { Save } from "./save";
import * as text from "./text.module.css";

const ANNOUNCE_MS = 3000;
const AT_END_PIXELS = 40;

/** Moshi's words as they come. Screen readers get them in phrases instead of word by word. */
export function Captions() {
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(true);
  const toEnd = () => box.current?.scrollTo({ top: box.current.scrollHeight });
  useSignalEffect(() => {
    if (lines.value.length > 0 && following) requestAnimationFrame(toEnd);
  });
  const shown = lines.value;
  return (
    <section class={`${card} ${styles.captions}`} aria-labelledby="captions-title">
      <header>
        <h2 id="captions-title">{strings.captions}</h2>
        <Save />
      </header>
      {notRecorded.value && (
        <Note>
          <ProblemText problem={strings.problems.notRecorded[notRecorded.value]} />
        </Note>
      )}
      {/* It scrolls, so the keyboard has to reach it. */}
      {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: see above */}
      {/* biome-ignore-start lint/a11y/useSemanticElements: a fieldset is for fields */}
      <div
        ref={box}
        class={styles.text}
        data-testid="captions"
        data-speaking={outputActivity.value.speaking}
        tabIndex={0}
        role="group"
        aria-labelledby="captions-title"
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) =>
          setFollowing(scrollHeight - scrollTop - clientHeight < AT_END_PIXELS)
        }
      >
        {shown.length === 0 && <p class={text.hint}>{strings.captionsEmpty}</p>}
        {shown.map((line, index) => (
          <div key={`${line.conversation} ${index}`}>
            {index > 0 && shown[index - 1]?.conversation !== line.conversation && (
              <p class={styles.divider}>
                <span>{strings.divider}</span>
              </p>
            )}
            <Line line={line} />
          </div>
        ))}
      </div>
      {/* biome-ignore-end lint/a11y/useSemanticElements: see above */}
      {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: see above */}
      {!following && (
        <button
          type="button"
          class={styles.latest}
          onClick={() => {
            setFollowing(true);
            toEnd();
          }}
        >
          ↓ {strings.newCaptions}
        </button>
      )}
      <Announcer />
    </section>
  );
}

function Announcer() {
  const [phrase, setPhrase] = useState("");
  useEffect(() => {
    const timer = setInterval(() => {
      const fresh = unannounced.peek().trim();
      unannounced.value = "";
      if (fresh) setPhrase(fresh);
    }, ANNOUNCE_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class={text.visuallyHidden} aria-live="polite">
      <Changing>{phrase}</Changing>
    </div>
  );
}
