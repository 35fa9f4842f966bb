// What a Node engineer would write instead: Fastify, with schemas for bodies and answers.
import { createSocket } from "node:dgram";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import Fastify from "fastify";

const [CHUNKS, PIECE, TEXT, SILENCE_SECONDS, TOKENS_PER_SECOND] = JSON.parse(process.env.BENCH_WORKLOAD);
const INTERVAL_NS = 1_000_000_000n / BigInt(TOKENS_PER_SECOND);
const NAMES = ["ready", "paced", "silent"];
for (let number = 3; number < Number(process.env.BENCH_MODELS ?? 0); number++) NAMES.push(`extra-${number}`);
const SERVED = new Set(NAMES.map((name) => `bench/${name}`));

const body = {
  type: "object",
  required: ["model", "messages"],
  additionalProperties: false,
  properties: {
    model: { type: "string" },
    messages: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        required: ["role", "content"],
        additionalProperties: false,
        properties: {
          role: { enum: ["system", "user", "assistant"] },
          content: { type: "string", minLength: 1 },
        },
      },
    },
    stream: { type: "boolean" },
    temperature: { type: "number", minimum: 0, maximum: 2 },
    max_tokens: { type: "integer", minimum: 1 },
  },
};
const completion = {
  type: "object",
  properties: {
    id: { type: "string" },
    object: { type: "string" },
    created: { type: "integer" },
    model: { type: "string" },
    choices: {
      type: "array",
      items: {
        type: "object",
        properties: {
          index: { type: "integer" },
          finish_reason: { type: "string" },
          logprobs: { type: "null" },
          message: {
            type: "object",
            properties: {
              role: { type: "string" },
              content: { type: "string" },
              refusal: { type: "null" },
            },
          },
        },
      },
    },
  },
};

const farewells = createSocket("udp4");
farewells.unref();

function sayFarewell(ask) {
  const port = Number(process.env.BENCH_FAREWELL_PORT ?? 0);
  if (port) farewells.send(`${ask} ${process.hrtime.bigint()}`, port, "127.0.0.1");
}

async function* pieces(name, limit, ask, signal) {
  if (name === "paced") {
    const began = process.hrtime.bigint();
    for (let number = 0; number < (limit ?? CHUNKS); number++) {
      const due = began + BigInt(number) * INTERVAL_NS;
      const now = process.hrtime.bigint();
      await sleep(due > now ? Number(due - now) / 1e6 : 0, undefined, { signal });
      yield `${due} ${process.hrtime.bigint()} `;
    }
  } else if (name === "silent") {
    try {
      yield PIECE;
      await sleep(SILENCE_SECONDS * 1000, undefined, { signal });
    } finally {
      sayFarewell(ask);
    }
  } else {
    for (let number = 0; number < CHUNKS; number++) yield PIECE;
  }
}

async function text(name, ask, signal) {
  if (name === "silent") {
    try {
      await sleep(SILENCE_SECONDS * 1000, undefined, { signal });
    } finally {
      sayFarewell(ask);
    }
  }
  return TEXT;
}

async function stream(request, name, ask, raw, signal) {
  const id = `chatcmpl_${randomUUID()}`;
  const created = Math.floor(Date.now() / 1000);
  const frame = (delta, finish_reason = null) => {
    const choices = [{ index: 0, delta, finish_reason }];
    const chunk = { id, object: "chat.completion.chunk", created, model: request.model, choices };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  };
  raw.writeHead(200, { "content-type": "text/event-stream" });
  let role = "assistant";
  try {
    for await (const piece of pieces(name, request.max_tokens, ask, signal)) {
      const isRoom = raw.write(frame(role ? { role, content: piece } : { content: piece }));
      role = undefined;
      if (!isRoom && !raw.destroyed) {
        await new Promise((resolve) => raw.once("drain", resolve).once("close", resolve));
      }
      if (raw.destroyed) return;
    }
  } catch (error) {
    if (error.name === "AbortError") return;
    throw error;
  }
  raw.write(frame({}, "stop"));
  raw.end("data: [DONE]\n\n");
}

const app = Fastify({ logger: false, bodyLimit: 16 * 1024 * 1024 });

app.get("/v1/models", () => ({
  object: "list",
  data: NAMES.map((name) => ({ id: `bench/${name}`, object: "model", created: 0, owned_by: "bench" })),
}));

app.post("/v1/chat/completions", { schema: { body, response: { 200: completion } } }, async (request, reply) => {
  const asked = request.body;
  if (!SERVED.has(asked.model)) return reply.code(404).send({ error: { message: "no such model" } });
  const name = asked.model.slice("bench/".length);
  const ask = asked.messages.at(-1).content;
  const left = new AbortController();
  reply.raw.once("close", () => left.abort());
  if (asked.stream) {
    reply.hijack();
    await stream(asked, name, ask, reply.raw, left.signal);
    return;
  }
  return {
    id: `chatcmpl_${randomUUID()}`,
    object: "chat.completion",
    created: Math.floor(Date.now() / 1000),
    model: asked.model,
    choices: [
      {
        index: 0,
        finish_reason: "stop",
        logprobs: null,
        message: { role: "assistant", content: await text(name, ask, left.signal), refusal: null },
      },
    ],
  };
});

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
