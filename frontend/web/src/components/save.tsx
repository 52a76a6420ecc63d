import { useRef, useState } from "preact/hooks";
import { type Recording as Kept, recordingFormats } from "../audio/recording";
import type { RecordingFormat } from "../audio/types";
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
  if (lines.value.length === 0 && recordings.value.length === 0) return null;
  const close = () => menu.current?.removeAttribute("open");
  const transcript = (ending: string, kind: string, make: () => string) => () => {
    saveFile(fileName(beganAt(), ending), make(), kind);
    close();
  };
  const recording = (kept: Kept, format: RecordingFormat, part: string) => async () => {
    try {
      saveFile(fileName(beganAt(), `${part}.${format}`), await kept.as(format));
      setFailed(false);
      close();
    } catch {
      setFailed(true);
    }
  };
  return (
    <details
      ref={menu}
      class="menu"
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        close();
        menu.current?.querySelector("summary")?.focus();
      }}
    >
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
          {recordings.value.map((kept, index) => (
            <Recording
              key={index}
              kept={kept}
              save={(format) => recording(kept, format, recordings.value.length > 1 ? `-part${index + 1}` : "")}
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

function Recording({ kept, save }: { kept: Kept; save(format: RecordingFormat): () => Promise<void> }) {
  void stats.value; // it grows as the figures come
  if (kept.seconds === 0) return null;
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
