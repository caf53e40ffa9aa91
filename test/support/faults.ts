import { ServiceError } from '../../shared/serviceError.ts';

/** The faults for which a function refuses its input as invalid, each as `code target`; none when it takes it. */
export function faultsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ServiceError) || error.reason !== 'invalidRequest') throw error;
    if (error.details.some(({ code, message }) => code === '' || message === '')) throw error;
    return error.details.map(({ code, target }) => `${code} ${target}`);
  }
  return [];
}
