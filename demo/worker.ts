// Where the worker starts. It only takes messages: the rest is loaded, so that no chunk has to import this file.
import { Inbox } from './inbox.ts';
import type { Command } from './protocol.ts';

const inbox = new Inbox();
self.addEventListener('message', ({ data }: MessageEvent<Command>) => inbox.put(data));
void import('./work.ts').then(({ work }) => work(inbox));
