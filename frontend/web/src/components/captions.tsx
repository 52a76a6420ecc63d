import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { captions, captionsLength } from "../controller";
import { strings } from "../strings";

const ANNOUNCE_MS = 2000;

/** What Moshi says, as it says it; screen readers hear it in phrases instead of word by word. */
export function Captions() {
  const box = useRef<HTMLDivElement>(null);
  useSignalEffect(() => {
    if (captions.value && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  return (
    <section class="captions" aria-labelledby="captions-title">
      <h2 id="captions-title">{strings.captions}</h2>
      {/* It scrolls, so the keyboard has to reach it. */}
      {/* biome-ignore-start lint/a11y/noNoninteractiveTabindex: see above */}
      {/* biome-ignore-start lint/a11y/useSemanticElements: a fieldset is for fields */}
      <div
        ref={box}
        class="captions-text"
        data-testid="captions"
        tabIndex={0}
        role="group"
        aria-labelledby="captions-title"
      >
        {captions.value ? <p>{captions}</p> : <p class="quiet">{strings.captionsEmpty}</p>}
      </div>
      {/* biome-ignore-end lint/a11y/useSemanticElements: see above */}
      {/* biome-ignore-end lint/a11y/noNoninteractiveTabindex: see above */}
      <Announcer />
    </section>
  );
}

function Announcer() {
  const [phrase, setPhrase] = useState("");
  const announced = useRef(0);
  useEffect(() => {
    const timer = setInterval(() => {
      const length = captionsLength.peek();
      if (length < announced.current) announced.current = 0; // another call
      const fresh = length - announced.current;
      announced.current = length;
      if (fresh > 0) setPhrase(captions.peek().slice(-fresh).trim());
    }, ANNOUNCE_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class="visually-hidden" aria-live="polite">
      {phrase}
    </div>
  );
}
