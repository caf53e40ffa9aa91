// `resultInfo` is a Map, since structured elements cannot be updated in this database as the same body asks.
@path: '/v1.0'
@requires: 'Calls.Initiate.All'
service PlayPromptOperations {
  entity playPromptOperation {
    key id: String(128);
    clientContext: String(256);
    resultInfo: Map;
    status: String enum { NotStarted; Running; Completed; Failed; };
    completionReason: String enum { unknown; completedSuccessfully; mediaOperationCanceled; unknownFutureValue; };
  }
}
