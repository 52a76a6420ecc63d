import { useState } from "preact/hooks";
import { type Recording as Kept, type RecordingFormat, recordingFormats } from "../audio/recording";
import { stats } from "../conversation/current-call";
import { recordingSaved, transcriptSaved } from "../conversation/history";
import { beganAt, type Kept as Conversation, jsonOf, textOf, vttOf } from "../conversation/kept";
import { strings } from "../strings";
import { Changing } from "./changing";
import { Alert, ProblemText } from "./code";
import { fileName, saveFile } from "./download";
import * as text from "./text.module.css";

/** The files of one conversation, to be saved. `done`: one of them was. */
export function Files({ kept, done }: { kept: Conversation; done?: () => void }) {
  const [failed, setFailed] = useState(false);
  const began = beganAt(kept);
  const transcript = (ending: string, kind: string, make: (kept: Conversation) => string) => () => {
    saveFile(fileName(began, ending), make(kept), kind);
    transcriptSaved(kept);
    done?.();
  };
  const recording = (one: Kept, format: RecordingFormat, part: string) => async () => {
    const { seconds } = one;
    try {
      saveFile(fileName(began, `${part}.${format}`), await one.as(format));
      recordingSaved(one, seconds);
      setFailed(false);
      done?.();
    } catch {
      setFailed(true);
    }
  };
  return (
    <>
      {kept.lines.length > 0 && (
        <>
          <button type="button" onClick={transcript(".txt", "text/plain;charset=utf-8", textOf)}>
            {strings.saveText}
          </button>
          <button type="button" onClick={transcript(".json", "application/json", jsonOf)}>
            {strings.saveJson}
          </button>
          <button type="button" onClick={transcript(".vtt", "text/vtt;charset=utf-8", vttOf)}>
            {strings.saveVtt}
          </button>
        </>
      )}
      {kept.recordings.map((one, index) => (
        <Recording
          key={index}
          kept={one}
          save={(format) => recording(one, format, kept.recordings.length > 1 ? `-part${index + 1}` : "")}
        />
      ))}
      {failed && (
        <p class={text.error}>
          <Alert problem={strings.problems.saveFailed} />
        </p>
      )}
    </>
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
      <p class={text.hint}>
        <Changing>{strings.recordingHas(strings.duration(Math.round(kept.seconds)))}</Changing>{" "}
        {kept.full && <ProblemText problem={strings.problems.recordingFull} />}
      </p>
    </>
  );
}
