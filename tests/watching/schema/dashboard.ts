// What of Grafana's published types the dashboards are held against: the dashboard, and what is open in it - the options of the
// kinds of panel that we use, their fields, and the query. Not here: the comparison (validate.js).
import type { Dashboard } from "./node_modules/@grafana/schema/dist/types/raw/dashboard/x/dashboard_types.gen";
import type { Options as Stat } from "./node_modules/@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type {
  FieldConfig,
  Options as TimeSeries,
} from "./node_modules/@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

export type PublishedDashboard = Dashboard;
export type StatOptions = Stat;
export type TimeseriesOptions = TimeSeries;
export type TimeseriesCustom = FieldConfig;
