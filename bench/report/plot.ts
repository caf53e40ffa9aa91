import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Loads } from '../results.ts';
import { median } from '../statistics.ts';

/** Latency against throughput, one line for each contender, one point for each number of callers, as SVG. */
export async function plot({ contenders, comparison, concurrency }: Loads): Promise<string> {
  const values = contenders.flatMap(({ key, title }) => {
    const own = [...comparison, ...concurrency].filter(({ contender }) => contender === key);
    return [...Map.groupBy(own, (point) => point.concurrency)].map(([callers, points]) => ({
      contender: title,
      callers,
      throughput: median(points.map(({ requestsPerSecond }) => requestsPerSecond)),
      latency: median(points.map(({ p50 }) => p50)),
    }));
  });
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
      x: { field: 'throughput', type: 'quantitative', title: 'answers per second' },
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
        scale: { domain: contenders.map(({ title }) => title), scheme: 'dark2' },
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
