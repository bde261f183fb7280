// Drives a DocuSign API with DocuSign's own SDK for Node, as a sender's program would, and tells what came of it.
//
//   node drive.js BASE TOKEN ACCOUNT FOREIGN      BASE is what the SDK calls its base path: …/restapi
"use strict";

const assert = require("node:assert");
const docusign = require("docusign-esign");

const [base, token, account, foreign] = process.argv.slice(2);
const client = new docusign.ApiClient();
client.setBasePath(base);
client.addDefaultHeader("Authorization", `Bearer ${token}`);
const envelopes = new docusign.EnvelopesApi(client);
const templates = new docusign.TemplatesApi(client);

// The answer of a call that must be refused.
async function refused(call) {
  try {
    await call();
  } catch (error) {
    assert(error.response, `no answer at all: ${error}`);
    return { status: error.response.status, body: error.response.data };
  }
  throw new Error("it was not refused");
}

// What the account has beside envelopes, as the SDK's models read it.
async function accountIsTold() {
  const users = await new docusign.UsersApi(client).list(account, { count: "100", additionalInfo: "true" });
  assert(users.users.length === Number(users.totalSetSize) && users.users[0].isAdmin === "True");
  const { groups } = await new docusign.GroupsApi(client).listGroups(account, { count: "2" });
  assert.strictEqual(groups[0].groupType, "everyoneGroup");
  const { groups: signing } = await new docusign.SigningGroupsApi(client).list(account, { includeUsers: "true" });
  assert(signing[0].users[0].email.includes("@"));
  const { folders } = await new docusign.FoldersApi(client).list(account, { include: "envelope_folders" });
  assert(folders.some((folder) => folder.hasSubFolders === "true" && folder.folders.length > 0));
  const billing = new docusign.BillingApi(client);
  const { billingPlan } = await billing.getPlan(account);
  assert.strictEqual(billingPlan.currencyCode, "USD");
  const { permissionProfiles } = await new docusign.AccountsApi(client).listPermissions(account, { include: "user_count" });
  assert(permissionProfiles.every((profile) => Number(profile.userCount) >= 1));
}

async function main() {
  const known = await templates.listTemplates(account, { searchText: "lease" });
  const { templateId } = known.envelopeTemplates[0];
  const envelopeDefinition = {
    status: "sent",
    templateId,
    templateRoles: [
      {
        roleName: "Tenant", name: "Ada First", email: "ada.first@example.com",
        tabs: { textTabs: [{ tabLabel: "Rent", value: "1,200 €" }] },
      },
    ],
  };
  const { envelopeId } = await envelopes.createEnvelope(account, { envelopeDefinition });
  const tabs = await envelopes.listTabs(account, envelopeId, "1");
  const rent = tabs.textTabs.find((tab) => tab.tabLabel === "Rent").value;
  const sent = await envelopes.getEnvelope(account, envelopeId, { include: "recipients" });
  assert.strictEqual(sent.recipients.signers[0].name, "Ada First");
  const listed = await envelopes.listStatusChanges(account, { fromDate: "2020-01-01T00:00:00Z", count: "1000" });
  assert(listed.envelopes.some((envelope) => envelope.envelopeId === envelopeId));
  await accountIsTold();
  const { auditEvents } = await envelopes.listAuditEvents(account, envelopeId);
  // The SDK gives the file as a text of one character for each byte.
  const combined = Buffer.from(await envelopes.getDocument(account, envelopeId, "combined", {}), "binary");
  const again = () => envelopes.update(account, envelopeId, { envelope: { status: "voided", voidedReason: "Not needed" } });
  await again();
  const voided = await envelopes.getEnvelope(account, envelopeId);
  const unknown = await refused(() => envelopes.getEnvelope(account, "00000000-0000-4000-8000-000000000000"));
  const twice = await refused(again);
  const elsewhere = await refused(() => envelopes.getEnvelope(foreign, envelopeId));
  process.stdout.write(JSON.stringify({
    envelope: envelopeId, subject: sent.emailSubject, sent: sent.status, rent, audited: auditEvents.length,
    combined_begins: combined.subarray(0, 5).toString(), combined_bytes: combined.length,
    voided: voided.status, reason: voided.voidedReason, unknown, twice, elsewhere,
  }));
}

main().catch((error) => {
  console.error(error.response ? { status: error.response.status, body: error.response.data } : error);
  process.exit(1);
});
