// Lists signing requests, sends one from a template, follows it until it is signed, and keeps its PDF.
//
// Needs Node 22.18 or later and nothing else:  node unified.mts URL ACCOUNT FILE.pdf   (COUNTERSIGN_TOKEN=… where one is set)
import { writeFile } from "node:fs/promises";

const [URL_, ACCOUNT, FILE] = process.argv.slice(2) as [string, string, string];
const TOKEN = process.env.COUNTERSIGN_TOKEN;

type Named = { id: string; name: string };
type Page = { result: Named[]; next_cursor: string | null };
type Query = Record<string, string>;

/** One request; its answer, to be read. A refusal tells what would be right. */
async function ask(method: string, path: string, query: Query, body?: object, more: Query = {}): Promise<Response> {
  const headers: Query = { ...more };
  if (TOKEN) headers["Authorization"] = `Bearer ${TOKEN}`;
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(`${URL_}${path}?${new URLSearchParams(query)}`, {
    method, headers, body: body ? JSON.stringify(body) : null,
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  return answer;
}

function unified(method: string, path: string, query: Query = {}, body?: object, more?: Query): Promise<Response> {
  return ask(method, `/unified/e-signature/${path}`, { integrated_account_id: ACCOUNT, ...query }, body, more);
}

/** All objects of a list, page by page. */
async function* every(resource: string, filters: Query): AsyncGenerator<Named> {
  for (let cursor: string | null = ""; cursor !== null; ) {
    const answer = await unified("GET", resource, { ...filters, limit: "10", next_cursor: cursor });
    const page = (await answer.json()) as Page;
    yield* page.result;
    cursor = page.next_cursor;
  }
}

/** Where a signing request stands, from the beginning and then as it moves. The feed costs no call to DocuSign. */
async function* statuses(signingRequest: string): AsyncGenerator<string> {
  const stream = await ask("GET", "/v1/changes/stream", { after: "0", signing_request: signingRequest });
  let text = "";
  for await (const piece of stream.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (text + piece).split("\n");
    text = lines.pop()!;
    for (const line of lines.filter((line) => line.startsWith("data:"))) {
      const [kind, status] = (JSON.parse(line.slice(5)) as { routing_key: string }).routing_key.split(".");
      if (kind === "signing_request") yield status!;
    }
  }
}

let waiting = 0;
for await (const _ of every("signing_requests", { status: "sent,delivered" })) waiting += 1;
console.log(waiting, "wait for somebody");

const template = (await every("templates", { name: "lease" }).next()).value as Named;
const draft = {
  name: "Lease 15",
  description: "Please sign",
  status: "sent",
  template: { id: template.id },
  participants: [{ role: "Tenant", name: "Ben Second", emails: [{ email: "ben.second@example.com" }] }],
  document_fields: [{ label: "Rent", value: "1,300 €" }],
  custom_fields: [{ name: "record", value: "lease-15" }],
};
// Should the answer get lost, the same request with the same key makes no second one.
const answer = await unified("POST", "signing_requests", {}, draft, { "Idempotency-Key": "lease-15" });
const made = (await answer.json()) as Named;
console.log("made", made.id);

for await (const status of statuses(made.id)) {
  console.log(status);
  if (["completed", "declined", "voided"].includes(status)) break;
}

const pdf = await unified("POST", "signing_requests/download", {}, { id: made.id });
await writeFile(FILE, Buffer.from(await pdf.arrayBuffer()));
console.log("kept", FILE);
