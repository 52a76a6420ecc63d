import { recordingFormats } from "../../audio/recording";
import { canChooseSpeaker } from "../../audio/speaker";
import { choosePushToTalk } from "../../conversation/controller";
import {
  askForSpeaker,
  asksForSpeaker,
  chooseMicrophone,
  chooseSpeaker,
  type Device,
  deviceProblem,
  echo,
  microphones,
  speakers,
} from "../../conversation/devices";
import { microphoneId, pushToTalk, recording, speakerId } from "../../conversation/preferences";
import { deviceReason } from "../../conversation/reasons";
import { strings } from "../../strings";
import { Changing } from "../changing";
import { Alert } from "../code";
import { Choice, Group, Switch } from "../fields";
import { Note } from "../note";
import * as text from "../text.module.css";

/** Devices, echo, push to talk and recording. */
export function SoundSettings() {
  const problem = deviceProblem.value;
  return (
    <Group title={strings.sound}>
      {problem && (
        <Note>
          <Alert problem={deviceReason(problem)} />
        </Note>
      )}
      <Choice
        label={strings.microphoneLabel}
        value={microphoneId.value}
        options={options(microphones.value, microphoneId.value)}
        hint={microphones.value.some((device) => device.label) ? null : strings.devicesAfter}
        onChange={(id) => void chooseMicrophone(id)}
      />
      {canChooseSpeaker() ? (
        <>
          <Choice
            label={strings.speakerLabel}
            value={speakerId.value}
            options={options(speakers.value, speakerId.value)}
            onChange={(id) => void chooseSpeaker(id)}
          />
          {asksForSpeaker() && (
            <button type="button" onClick={() => void askForSpeaker()}>
              {strings.speakerAsk}
            </button>
          )}
        </>
      ) : (
        <p class={text.hint}>{strings.speakerFixed}</p>
      )}
      <p>
        <b>{strings.echo}:</b> <Changing>{strings.echoes[echo.value]}</Changing>
      </p>
      <Switch
        label={strings.pushToTalkLabel}
        hint={strings.pushToTalkHint}
        on={pushToTalk.value}
        onChange={choosePushToTalk}
      />
      {recordingFormats().length > 0 && (
        <Switch
          label={strings.recordLabel}
          hint={strings.recordHint}
          on={recording.value}
          onChange={(on) => {
            recording.value = on;
          }}
        />
      )}
    </Group>
  );
}

/** The chosen one is among them even while it is unplugged. */
function options(devices: readonly Device[], chosen: string): [string, string][] {
  const named = devices.map(({ id, label }, index): [string, string] => [
    id,
    label || strings.deviceUnnamed(index + 1),
  ]);
  if (chosen && !devices.some((device) => device.id === chosen)) named.push([chosen, strings.deviceAway]);
  return [["", strings.systemDefault], ...named];
}
