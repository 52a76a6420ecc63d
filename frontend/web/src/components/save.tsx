import { useEffect, useRef, useState } from "preact/hooks";
import { recordingFormats } from "../audio/recording";
import type { Call, RecordingFormat } from "../audio/types";
import { beganAt, recordings, transcriptJson, transcriptText, transcriptVtt } from "../keeping";
import { fileName, saveFile } from "../saving";
import { lines, stats } from "../store";
import { strings } from "../strings";
import { Download } from "./icons";

/** A menu of files to keep. */
export function Save() {
  const menu = useRef<HTMLDetailsElement>(null);
  const [open, setOpen] = useState(false);
  const [failed, setFailed] = useState(false);
  const close = () => menu.current?.removeAttribute("open");
  useEffect(() => {
    if (!open) return;
    // Wherever the focus is, and whatever is clicked beside it.
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      const inside = menu.current?.contains(document.activeElement) || document.activeElement === document.body;
      close();
      if (inside) menu.current?.querySelector("summary")?.focus();
    };
    const onPointer = ({ target }: PointerEvent) => {
      if (target instanceof Node && !menu.current?.contains(target)) close();
    };
    addEventListener("keydown", onKey);
    addEventListener("pointerdown", onPointer);
    return () => {
      removeEventListener("keydown", onKey);
      removeEventListener("pointerdown", onPointer);
    };
  }, [open]);
  if (lines.value.length === 0 && recordings.value.length === 0) return null;
  const transcript = (ending: string, kind: string, make: () => string) => () => {
    saveFile(fileName(beganAt(), ending), make(), kind);
    close();
  };
  const recording = (call: Call, format: RecordingFormat, part: string) => async () => {
    try {
      saveFile(fileName(beganAt(), `${part}.${format}`), await call.saveRecording(format));
      setFailed(false);
      close();
    } catch {
      setFailed(true);
    }
  };
  return (
    <details ref={menu} class="menu" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary class="button">
        <Download />
        {strings.save}
      </summary>
      {open && (
        <div>
          <button type="button" onClick={transcript(".txt", "text/plain;charset=utf-8", transcriptText)}>
            {strings.saveText}
          </button>
          <button type="button" onClick={transcript(".json", "application/json", transcriptJson)}>
            {strings.saveJson}
          </button>
          <button type="button" onClick={transcript(".vtt", "text/vtt;charset=utf-8", transcriptVtt)}>
            {strings.saveVtt}
          </button>
          {recordings.value.map((call, index) => (
            <Recording
              key={index}
              call={call}
              save={(format) => recording(call, format, recordings.value.length > 1 ? `-part${index + 1}` : "")}
            />
          ))}
          {recordings.value.length === 0 && recordingFormats().length > 0 && (
            <p class="hint">{strings.recordingNone}</p>
          )}
          {failed && (
            <p class="error" role="alert">
              {strings.problems.saveFailed}
            </p>
          )}
          <p class="hint">{strings.privacy}</p>
        </div>
      )}
    </details>
  );
}

function Recording({ call, save }: { call: Call; save(format: RecordingFormat): () => Promise<void> }) {
  void stats.value; // it grows as the figures come
  const kept = call.recording();
  if (!kept || kept.seconds === 0) return null;
  return (
    <>
      {recordingFormats().map((format) => (
        <button key={format} type="button" onClick={save(format)}>
          {strings.saveRecording[format]}
        </button>
      ))}
      <p class="hint">
        {strings.recordingHas(strings.duration(Math.round(kept.seconds)))} {kept.full && strings.problems.recordingFull}
      </p>
    </>
  );
}
