using Microsoft.Graph;
using Microsoft.Graph.Models;
using Microsoft.Graph.Models.ODataErrors;
using Microsoft.Kiota.Abstractions;
using Microsoft.Kiota.Abstractions.Authentication;
using Microsoft.Kiota.Abstractions.Serialization;

namespace Field;

/// <summary>Microsoft's Graph SDK: its own models, PageIterator, batches and subscriptions.</summary>
static class GraphClient
{
    static readonly Dictionary<string, ParsableFactory<IParsable>> Errors = new()
    {
        ["XXX"] = ODataError.CreateFromDiscriminatorValue,
    };

    public static async Task<object> UseAsync(Facts facts)
    {
        using var http = GraphClientFactory.Create();
        var graph = new GraphServiceClient(http, new Bearer(facts.Token), $"{facts.BaseUrl}/v1.0");
        var adapter = graph.RequestAdapter;
        RequestInformation Request(Method method, string template, string id = "") =>
            new(method, "{+baseurl}" + template, new Dictionary<string, object> { ["id"] = id });
        async Task<PlayPromptOperation> UpdateAsync(string id, PlayPromptOperation patch)
        {
            var request = Request(Method.PATCH, "/playPromptOperation/{id}", id);
            request.SetContentFromParsable(adapter, "application/json", patch);
            return (await adapter.SendAsync(request, PlayPromptOperation.CreateFromDiscriminatorValue, Errors))!;
        }
        Task<PlayPromptOperation?> ReadAsync(string id) => adapter.SendAsync(
            Request(Method.GET, "/playPromptOperation/{id}", id), PlayPromptOperation.CreateFromDiscriminatorValue, Errors);

        var ids = Enumerable.Range(0, 5).Select(n => $"{facts.Prefix}-{n}").ToList();
        PlayPromptOperation? updated = null;
        foreach (var id in ids)
        {
            updated = await UpdateAsync(id, new PlayPromptOperation
            {
                Status = OperationStatus.Running,
                ClientContext = facts.Prefix,
                ResultInfo = new ResultInfo { Code = 200 },
            });
        }
        var first = await adapter.SendAsync(
            Request(Method.GET, $"/playPromptOperation?$filter=clientContext eq '{facts.Prefix}'&$top=2"),
            CommsOperationCollectionResponse.CreateFromDiscriminatorValue,
            Errors);
        var listed = new List<CommsOperation>();
        var pages = PageIterator<CommsOperation, CommsOperationCollectionResponse>.CreatePageIterator(
            graph,
            first!,
            operation =>
            {
                listed.Add(operation);
                return true;
            });
        await pages.IterateAsync();

        var batch = new BatchRequestContentCollection(graph);
        var steps = new List<string>();
        foreach (var id in ids)
            steps.Add(await batch.AddBatchRequestStepAsync(Request(Method.GET, "/playPromptOperation/{id}", id)));
        var responses = await graph.Batch.PostAsync(batch);
        var batched = new List<string?>();
        foreach (var step in steps)
            batched.Add((await responses.GetResponseByIdAsync<PlayPromptOperation>(step)).Id);

        var cleared = await UpdateAsync(ids[0], new PlayPromptOperation { ClientContext = null, ResultInfo = null });
        var subscription = await graph.Subscriptions.PostAsync(new Subscription
        {
            ChangeType = "updated",
            Resource = "playPromptOperation",
            NotificationUrl = facts.NotificationUrl,
            ExpirationDateTime = facts.Expiration,
        });
        var subscriptions = await graph.Subscriptions.GetAsync();
        var renewed = await graph.Subscriptions[subscription!.Id].PatchAsync(new Subscription
        {
            ExpirationDateTime = facts.Expiration.AddMinutes(1),
        });
        await graph.Subscriptions[subscription.Id].DeleteAsync();
        await adapter.SendNoContentAsync(Request(Method.DELETE, "/playPromptOperation/{id}", ids[0]), Errors);
        return new
        {
            Updated = Seen(updated!),
            Cleared = Seen(cleared),
            Types = listed.Select(operation => operation.GetType().Name).Distinct(),
            Listed = listed.Select(operation => operation.Id),
            Batched = batched,
            SubscribedTo = subscription.Resource,
            Subscriptions = subscriptions!.Value!.Count,
            Renewed = renewed!.ExpirationDateTime - facts.Expiration,
            Mismatched = await RefusalOf(() => UpdateAsync(ids[0], new PlayPromptOperation { Id = "other" })),
            Deleted = await RefusalOf(() => ReadAsync(ids[0])),
        };
    }

    static Operation Seen(PlayPromptOperation operation) => new(
        operation.Id,
        operation.Status.ToString(),
        operation.ClientContext,
        operation.ResultInfo?.Code,
        operation.ResultInfo?.Message,
        operation.AdditionalData.TryGetValue("completionReason", out var reason) ? reason?.ToString() : null);

    static async Task<Refusal> RefusalOf<T>(Func<Task<T>> request)
    {
        try
        {
            await request();
            throw new InvalidOperationException("It was not refused.");
        }
        catch (ODataError refused)
        {
            var targets = refused.Error!.Details?.Select(detail => detail.Target) ?? [];
            return new Refusal(refused.ResponseStatusCode, refused.Error.Code, targets);
        }
    }

    sealed class Bearer(string token) : IAuthenticationProvider
    {
        public Task AuthenticateRequestAsync(
            RequestInformation request,
            Dictionary<string, object>? context = null,
            CancellationToken cancellation = default)
        {
            request.Headers.Add("Authorization", $"Bearer {token}");
            return Task.CompletedTask;
        }
    }
}
