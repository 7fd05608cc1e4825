// Calls of OpenAI's Node.js SDK, as the documents of DashScope show them.
//
// Usage: node openai_client.mjs BASE_URL AUDIO_URL FILE SDK_FOLDER. Prints a JSON object with the outcome of each call by
// name. The calls are the equivalents of the vendor's examples (docs/simulator.md#how-it-is-tested).

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [baseURL, audioUrl, file, sdkFolder] = process.argv.slice(2);
const { OpenAI } = createRequire(`${sdkFolder}/`)("openai");
const client = new OpenAI({ apiKey: "sk-any", baseURL, maxRetries: 0 });

function request(data, more) {
  return {
    model: "qwen3-asr-flash",
    messages: [{ role: "user", content: [{ type: "input_audio", input_audio: { data } }] }],
    extra_body: { asr_options: { enable_itn: false } },
    ...more,
  };
}

const calls = {
  async call_once() {
    const completion = await client.chat.completions.create(request(audioUrl, { stream: false }));
    return completion.choices[0].message.content;
  },
  async call_with_a_stream() {
    const chunks = await client.chat.completions.create(
      request(audioUrl, { stream: true, stream_options: { include_usage: true } }),
    );
    let text = "";
    for await (const chunk of chunks) {
      text += chunk.choices[0]?.delta?.content ?? "";
    }
    return text;
  },
  async call_with_a_local_file() {
    const data = `data:audio/wav;base64,${readFileSync(file).toString("base64")}`;
    const completion = await client.chat.completions.create(request(data));
    return completion.choices[0].message.content;
  },
  async call_an_unknown_model() {
    try {
      return await client.chat.completions.create(request(audioUrl, { model: "qwen3-asr-flash-2099" }));
    } catch (error) {
      return `${error.status} ${error.code}`;
    }
  },
};

const outcomes = {};
for (const [name, call] of Object.entries(calls)) {
  try {
    outcomes[name] = await call();
  } catch (error) {
    outcomes[name] = String(error);
  }
}
console.log(JSON.stringify(outcomes));
