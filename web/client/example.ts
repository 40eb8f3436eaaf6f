// A program on the generated client. It is compiled only: it shows that the names of the API are those of its classes.
import type { components, operations } from "./schema.js";

type Schemas = components["schemas"];

const request: Schemas["CreateRunRequest"] = {
  script: "extend-by-days@3",
  targets: { filter: 'klass eq "gold"' },
  params: { days: 30 },
};

type CreatedRun = operations["createRun"]["responses"][201]["content"]["application/json"];

export function describe(run: CreatedRun, outcomes: Schemas["OutcomePage"]): string {
  const failed = outcomes.items.filter(({ outcome }) => outcome === "failed");
  return `run ${run.run_id} of ${request.script}: ${run.state}, ${failed.length} of ${run.targets} failed`;
}
