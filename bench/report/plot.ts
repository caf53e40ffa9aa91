import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

export interface PlottedPoint {
  readonly contender: string;
  readonly callers: number;
  /** Responses per second. */
  readonly throughput: number;
  /** In milliseconds. */
  readonly latency: number;
}

/** Latency against throughput, one line for each contender, one point for each number of callers, as SVG. */
export async function plot(values: PlottedPoint[]): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 760,
    height: 440,
    padding: 12,
    background: 'white',
    config: {
      axis: { labelFontSize: 12, titleFontSize: 13, labelColor: '#222', titleColor: '#222' },
      legend: {
        labelFontSize: 12,
        titleFontSize: 13,
        labelLimit: 420,
        orient: 'bottom',
        columns: 2,
        symbolType: 'circle',
      },
      title: { fontSize: 15, color: '#222', anchor: 'start' },
    },
    title: 'PATCH of an operation: latency against throughput, by number of callers',
    data: { values },
    encoding: {
      x: { field: 'throughput', type: 'quantitative', title: 'responses per second' },
      y: {
        field: 'latency',
        type: 'quantitative',
        scale: { type: 'log' },
        title: 'median latency in ms (logarithmic)',
      },
      color: {
        field: 'contender',
        type: 'nominal',
        title: null,
        scale: { scheme: 'dark2' },
      },
      order: { field: 'callers', type: 'quantitative' },
    },
    layer: [
      { mark: { type: 'line', strokeWidth: 2 } },
      { mark: { type: 'point', filled: true, size: 45, opacity: 1 } },
      {
        mark: { type: 'text', dx: 7, dy: -6, fontSize: 10, align: 'left' },
        encoding: { text: { field: 'callers', type: 'quantitative' } },
      },
    ],
  };
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  return `${await view.toSVG()}\n`;
}
