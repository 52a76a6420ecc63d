/** The conversation's state now. The controller alone changes it. */

import { signal } from "@preact/signals";
import { INITIAL, type State } from "./machine";

export const state = signal<State>(INITIAL);
