// Holds dashboards against the JSON schema of Grafana's own published types; says what is wrong with each, and where.
// Not here: which types (dashboard.ts), and what else must hold of a dashboard (../dashboards.py).
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import { createGenerator } from "ts-json-schema-generator";

const ajv = new Ajv({ allErrors: true, strict: false });
let types = 0;

function published(type) {
  const path = new URL("dashboard.ts", import.meta.url).pathname;
  const tsconfig = new URL("tsconfig.json", import.meta.url).pathname;
  const schema = createGenerator({ path, tsconfig, type, skipTypeCheck: true }).createSchema(type);
  // By its own comment this type describes the queries of Grafana's built-in source only; ours are those of Prometheus.
  if (schema.definitions.AnnotationTarget) schema.definitions.AnnotationTarget = { type: "object", required: ["expr"] };
  types += Object.keys(schema.definitions).length;
  return ajv.compile(schema);
}

const whole = published("PublishedDashboard");
const options = { stat: published("StatOptions"), timeseries: published("TimeseriesOptions") };
const custom = { timeseries: published("TimeseriesCustom") };
let faults = 0;

function hold(what, value, validate) {
  if (validate(value)) return;
  for (const { instancePath, message, params } of validate.errors) {
    console.log(`${what}${instancePath}: ${message} ${JSON.stringify(params)}`);
    faults += 1;
  }
}

const files = process.argv.slice(2);
let panels = 0;
for (const file of files) {
  const dashboard = JSON.parse(readFileSync(file));
  hold(file, dashboard, whole);
  for (const panel of dashboard.panels) {
    panels += 1;
    hold(`${file}: ${panel.title}: options`, panel.options, options[panel.type]);
    const fields = panel.fieldConfig.defaults.custom;
    if (fields !== undefined) hold(`${file}: ${panel.title}: custom`, fields, custom[panel.type]);
  }
}
console.log(`${files.length} dashboards, ${panels} panels, ${types} types, ${faults} faults`);
process.exit(files.length > 0 && panels > 0 && faults === 0 ? 0 : 1);
