// The clients of OpenAI's packages for JavaScript, each with a URL and a key only. Prints what they got, as JSON.
// node clients.mjs https://localhost:8998/v1 KEY
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents-realtime";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { LiveWS } from "openai/resources/live/ws";

const [baseURL, apiKey] = process.argv.slice(2);
const openai = new OpenAI({ apiKey, baseURL });
const speech = Buffer.alloc(4800, 7).toString("base64"); // 100 ms
const FRAMES = 25; // 2 s

function note() {
  const got = { audio: 0, text: 0, errors: [] };
  return got;
}

function every100ms(send) {
  const timer = setInterval(send, 100);
  return () => clearInterval(timer);
}

function live() {
  return new Promise((resolve) => {
    const got = note();
    const socket = new LiveWS(openai);
    let stop = () => {};
    socket.on("error", (error) => got.errors.push(error.message));
    socket.on("session.started", () => {
      stop = every100ms(() => socket.send({ type: "session.input_audio.append", audio: speech }));
    });
    socket.on("session.output_transcript.delta", () => (got.text += 1));
    socket.on("session.output_audio.delta", () => {
      got.audio += 1;
      if (got.audio === FRAMES) {
        stop();
        socket.send({ type: "session.close" });
      }
    });
    socket.on("session.closed", (event) => resolve({ ...got, reason: event.reason }));
    socket.send({ type: "session.start", session: { model: "gpt-live-1" } });
  });
}

function realtime() {
  return new Promise((resolve) => {
    const got = note();
    const socket = new OpenAIRealtimeWS({ model: "gpt-realtime" }, openai);
    let stop = () => {};
    socket.on("error", (error) => got.errors.push(error.message));
    socket.on("session.created", () => {
      stop = every100ms(() => socket.send({ type: "input_audio_buffer.append", audio: speech }));
    });
    socket.on("response.output_audio_transcript.delta", () => (got.text += 1));
    socket.on("response.output_audio.delta", () => {
      got.audio += 1;
      if (got.audio === FRAMES) {
        stop();
        socket.close();
      }
    });
    socket.socket.on("close", (code) => resolve({ ...got, code }));
  });
}

async function agents() {
  const got = note();
  const url = `${baseURL.replace("http", "ws")}/realtime?model=gpt-realtime`;
  const transport = new OpenAIRealtimeWebSocket({ url, useInsecureApiKey: true });
  const session = new RealtimeSession(new RealtimeAgent({ name: "Moshi", instructions: "Be kind." }), { transport });
  session.on("error", (error) => got.errors.push(JSON.stringify(error).slice(0, 300)));
  transport.on("*", (event) => (got.text += event.type === "response.output_audio_transcript.delta" ? 1 : 0));
  await session.connect({ apiKey });
  const stop = every100ms(() => session.sendAudio(new Uint8Array(4800).fill(7).buffer));
  await new Promise((resolve) => session.on("audio", () => ++got.audio === FRAMES && resolve()));
  stop();
  session.close();
  return got;
}

const [first, second, third] = await Promise.all([live(), realtime(), agents()]);
console.log(JSON.stringify({ live: first, realtime: second, agents: third }));
process.exit(0);
