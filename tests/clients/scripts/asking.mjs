// What every script in JavaScript does with its client, and how it tells of it.

export const WORDS = "clients/words";
export const ENDLESS = "clients/endless";
export const HELPER = "clients/helper";
export const HELLO = "hello there";
export const AGAIN = "and again";
export const WEATHER = "How is the weather?";

/** Does all of it; gives what came of it. `steps` are `plain`, `second`, `stream` and so on. */
export async function askAll(url, key, { fail, leave, ...steps }) {
  const told = {};
  for (const [name, step] of Object.entries(steps)) told[name] = await step();
  const errors = {};
  for (const name of ["locked", "nobody", "busy"]) {
    errors[name] = await failure(fail, `clients/${name}`);
  }
  await leave();
  return { told, errors, hangs_up: await hasLeft(url, key) };
}

/** Collects the pieces of a stream. */
export async function pieces(stream, text) {
  const found = [];
  for await (const part of stream) found.push(text(part));
  return found;
}

async function failure(fail, model) {
  try {
    return `none, but ${JSON.stringify(await fail(model))}`;
  } catch (error) {
    // `error.name` is "Error" for most.
    return error.constructor.name;
  }
}

/** Asks the adapter whether the stream was given up while this process, or page, lives. */
async function hasLeft(url, key) {
  const question = {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "clients/left", messages: [{ role: "user", content: "?" }] }),
  };
  for (const deadline = Date.now() + 5000; Date.now() < deadline; ) {
    const answer = await (await fetch(`${url}/chat/completions`, question)).json();
    if (answer.choices[0].message.content === "yes") return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
