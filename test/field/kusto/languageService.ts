// The language service of Azure's portal, with the tables that the alerts and the workbook query.
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import * as z from 'zod';
import { installPackages } from '../../../local/installPackages.ts';

const FOLDER = 'test/field/kusto';

/** Columns of the tables: https://learn.microsoft.com/azure/azure-monitor/reference/tables-category */
const ofTelemetry = `TimeGenerated: datetime, OperationName: string, OperationId: string, ParentId: string, Properties: dynamic,
  AppRoleName: string, AppRoleInstance: string, AppVersion: string, ClientIP: string, ItemCount: int, _ResourceId: string`;
const ofCall =
  'Id: string, Name: string, Success: bool, ResultCode: string, DurationMs: real, PerformanceBucket: string';
const TABLES = {
  AppMetrics: `${ofTelemetry}, Name: string, Sum: real, Min: real, Max: real`,
  AppRequests: `${ofTelemetry}, ${ofCall}, Url: string, Source: string`,
  AppDependencies: `${ofTelemetry}, ${ofCall}, Target: string, DependencyType: string, Data: string`,
  AppTraces: `${ofTelemetry}, Message: string, SeverityLevel: int`,
  Usage:
    'TimeGenerated: datetime, DataType: string, Quantity: real, QuantityUnit: string, IsBillable: bool, Solution: string',
  _LogOperation:
    'TimeGenerated: datetime, Category: string, Operation: string, Level: string, Detail: string, _ResourceId: string',
};

/** What a query returns, by column, and what is wrong with it. */
export type Analyze = (query: string) => { readonly columns: readonly string[]; readonly faults: readonly string[] };

/** Installs and loads the language service: a script for browsers, whose collections are those of .NET. */
export function loadLanguageService(): Analyze {
  installPackages(FOLDER);
  const scripts = ['bridge.min.js', 'Kusto.Language.Bridge.min.js'].map((file) =>
    readFileSync(`${FOLDER}/node_modules/@kusto/language-service-next/${file}`, 'utf8'),
  );
  return runInNewContext(
    `${scripts.join('\n')}
    const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;
    const tables = Object.entries(tablesByName).map(([name, columns]) =>
      Symbols.TableSymbol.From('(' + columns + ')').WithName(name));
    const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1('workspace', tables, false));
    const all = (list, map) => Array.from({ length: list?.Count ?? 0 }, (_, at) => map(list.getItem(at)));
    (query) => {
      const code = KustoCode.ParseAndAnalyze(query, globals);
      return {
        columns: all(code.ResultType?.Columns, ({ Name, Type }) => Name + ': ' + Type.Name),
        faults: all(code.GetDiagnostics(), ({ Message }) => Message),
      };
    }`,
    { tablesByName: TABLES, console },
  );
}

/** The queries within a JSON text. */
export const queriesIn = (text: string) =>
  [...text.matchAll(/"query":\s*("(?:[^"\\]|\\.)*")/g)].map(([, json = '']) => z.string().parse(JSON.parse(json)));
