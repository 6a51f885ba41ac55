// What the page's code works with. Numbers of the API's answers are text here: see parseExact.

type Cost = "BilledCost" | "EffectiveCost" | "ContractedCost" | "ListCost";
type List = "department" | "provider" | "model";
type Filter = List | "currency";
type Unit = "day" | "month";

interface View extends Record<Filter, string | null> {
  from: string | null;
  to: string | null;
  booked: string | null;
  cost: Cost;
  digits: boolean;
}

/** The API's parameters by their names; null is left out. */
type Query = Record<string, string | number | null>;

type Costs = Record<Cost, string | null>;

interface Category extends Costs {
  chargeCategory: string | null;
  rows: string;
}

interface Total extends Costs {
  billingCurrency: string;
  rows: string;
  allocatedCostShare: string | null;
  byChargeCategory: Category[];
}

interface Group extends Total {
  keys: Record<string, string | null>;
  names: Record<string, string | null>;
}

interface Build {
  id: string | null;
  finishedAt: string | null;
}

interface Coverage {
  missingCalls: string;
  missingTokens: string;
  missingStatedCost: string | null;
  statedCostCurrency: string | null;
  unknownCostCalls: string;
  missingBuckets: string;
  calls: string;
  pricedCalls: string;
  pricedCallsShare: string | null;
  pricedTokensShare: string | null;
  comparedCalls: string;
  differingCalls: string;
  unexplainedCalls: string;
  equalCallsShare: string | null;
  explainedCallsShare: string | null;
  unexplainedCallsShare: string | null;
  equalStatedCostShare: string | null;
  explainedStatedCostShare: string | null;
  unexplainedStatedCostShare: string | null;
  quarantinedCalls?: Record<string, string>;
  usageUntil: string | null;
  waitingFor: Record<string, string[]>;
  rejectedRecords: string | null;
  countedBy: string[];
}

interface Answer {
  build: Build;
  totals: { rows: string; currencies: Total[] };
  coverage: Coverage | null;
}

interface Spend extends Answer {
  groups: Group[];
  truncated: boolean;
}

/** A row of FOCUS: the columns that the page names, and all others. */
interface Charge extends Costs {
  BillingCurrency: string;
  ChargePeriodStart: string;
  ChargeCategory: string | null;
  ChargeClass: string | null;
  ConsumedQuantity?: string | null;
  ConsumedUnit?: string | null;
  ProviderName?: string | null;
  SkuMeter?: string | null;
  SubAccountId: string | null;
  SubAccountName: string | null;
  x_ChargeId: string;
  x_ModelId?: string | null;
}

interface Charges extends Answer {
  records: Charge[];
  nextPageToken: string | null;
}

interface JobFile {
  name: string;
  url: string;
  rows: string;
  bytes: string;
  build: Build;
}

interface Job {
  jobId: string;
  state: string;
  progress: string;
  error: string | null;
  file: JobFile | null;
}

/** All figures of a view, of one build. */
interface Figures {
  unit: Unit;
  months: string[];
  booked: string[];
  times: Spend;
  build: Build;
  currencies: string[];
  lists: Record<List, Spend>;
  choices: Record<List, Spend>;
}

type Child = Node | string | null | undefined;
/** Attributes by name; a function listens to the event of that name. */
type Attributes = Record<string, Listener | string | number | boolean | null | undefined>;
type Listener = (event: any) => void;

/** What the page's markup has by these ids; all others are plain elements. */
interface Elements {
  charge: HTMLDialogElement;
  token: HTMLInputElement;
  from: HTMLInputElement;
  to: HTMLInputElement;
  digits: HTMLInputElement;
  safe: HTMLInputElement;
  period: HTMLSelectElement;
  booked: HTMLSelectElement;
  department: HTMLSelectElement;
  provider: HTMLSelectElement;
  model: HTMLSelectElement;
  currency: HTMLSelectElement;
  cost: HTMLSelectElement;
  format: HTMLSelectElement;
}
