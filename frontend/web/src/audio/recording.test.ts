import { describe, expect, it } from "vitest";
import { Recording } from "./recording";
import { type Chunk, RECORDED_RATE, Stereo } from "./worklets/stereo";

const tenth = (): Chunk => new Int16Array((2 * RECORDED_RATE) / 10).fill(1000);

describe("a recording", () => {
  it("is a WAV file that says what it is", async () => {
    const recording = new Recording();
    for (let index = 0; index < 10; index++) recording.push(tenth());
    expect(recording.seconds).toBe(1);
    const file = new DataView(await (await recording.as("wav")).arrayBuffer());
    const text = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((index) => file.getUint8(at + index)));
    expect([text(0), text(8), text(36)]).toEqual(["RIFF", "WAVE", "data"]);
    expect(file.byteLength).toBe(44 + RECORDED_RATE * 4);
    expect(file.getUint32(4, true)).toBe(file.byteLength - 8);
    expect(file.getUint32(40, true)).toBe(file.byteLength - 44);
    expect([file.getUint16(22, true), file.getUint32(24, true)]).toEqual([2, RECORDED_RATE]);
    expect(file.getInt16(44, true)).toBe(1000);
  });

  it("has a limit, and says when it is reached", () => {
    const recording = new Recording(0.3);
    for (let index = 0; index < 10; index++) recording.push(tenth());
    expect(recording.seconds).toBeCloseTo(0.3);
    expect(recording.full).toBe(true);
  });

  it("says so where the browser cannot make the file", async () => {
    const recording = new Recording();
    recording.push(tenth());
    await expect(recording.as("opus")).rejects.toThrow(); // this one has no encoder
  });
});

describe("two sides", () => {
  it("are interleaved at half the rate, and a missing one is silent", () => {
    const chunks: Chunk[] = [];
    const stereo = new Stereo((chunk) => chunks.push(chunk));
    const left = new Float32Array(4800).fill(0.5);
    stereo.add(left, undefined, 4800);
    expect(chunks).toHaveLength(1);
    expect([...(chunks[0] ?? [])].slice(0, 4)).toEqual([16_384, 0, 16_384, 0]);
    stereo.add(undefined, new Float32Array(4800).fill(-2), 4800);
    expect([...(chunks[1] ?? [])].slice(0, 2)).toEqual([0, -32_767]);
  });

  it("come in whole chunks, however they are cut", () => {
    let samples = 0;
    const stereo = new Stereo((chunk) => {
      samples += chunk.length;
    });
    for (let index = 0; index < 375; index++) stereo.add(new Float32Array(128), new Float32Array(128), 128); // 1 s
    expect(samples).toBe(2 * RECORDED_RATE);
  });
});
