import * as z from 'zod';

const resultInfo = z.strictObject({
  '@odata.type': z.string().optional(),
  code: z.int32().optional(),
  subcode: z.int32().optional(),
  message: z.string().max(8192).nullable().optional(),
});

export const operationPatch = z.strictObject({
  '@odata.type': z.string().optional(),
  id: z.string().optional(),
  clientContext: z.string().max(256).nullable().optional(),
  resultInfo: resultInfo.nullable().optional(),
  status: z.enum(['NotStarted', 'Running', 'Completed', 'Failed']).optional(),
  completionReason: z
    .enum(['unknown', 'completedSuccessfully', 'mediaOperationCanceled', 'unknownFutureValue'])
    .nullable()
    .optional(),
});
export type OperationPatch = z.infer<typeof operationPatch>;

/** An operation as it is stored, in the same columns as in the service. */
export type Row = Partial<
  Record<'clientContext' | 'resultInfoMessage' | 'status' | 'completionReason', string> &
    Record<'resultInfoCode' | 'resultInfoSubcode', number>
>;

/** Merges a patch into a row: what is absent stays, null clears. */
export function merge(row: Row, { clientContext, resultInfo, status, completionReason }: OperationPatch): Row {
  const merged = {
    clientContext: clientContext === undefined ? row.clientContext : clientContext,
    resultInfoCode: resultInfo === null ? null : (resultInfo?.code ?? row.resultInfoCode),
    resultInfoSubcode: resultInfo === null ? null : (resultInfo?.subcode ?? row.resultInfoSubcode),
    resultInfoMessage: resultInfo?.message === undefined ? row.resultInfoMessage : resultInfo.message,
    status: status ?? row.status ?? 'NotStarted',
    completionReason: completionReason === undefined ? row.completionReason : completionReason,
  };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null && value !== undefined));
}

export function toEntity(id: string, row: Row) {
  return {
    id,
    clientContext: row.clientContext ?? null,
    resultInfo:
      row.resultInfoCode === undefined
        ? null
        : { code: row.resultInfoCode, subcode: row.resultInfoSubcode, message: row.resultInfoMessage ?? null },
    status: row.status,
    completionReason: row.completionReason ?? null,
  };
}
