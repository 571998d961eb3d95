#include "report/status_model.h"

#include "check.h"

struct status_request *status_model_request(struct status_model *model, size_t index)
{
    if (index >= model->request_count || index >= STATUS_REQUESTS_MAX)
        return NULL;
    return &model->requests[(model->request_count - 1 - index) % STATUS_REQUESTS_MAX];
}

struct status_request *status_model_find(struct status_model *model, uint64_t number)
{
    struct status_request *request;
    for (size_t i = 0; (request = status_model_request(model, i)) != NULL; i++)
        if (request->number == number)
            return request;
    return NULL;
}

struct status_request *status_model_add(struct status_model *model)
{
    model->request_count++;
    struct status_request *request = status_model_request(model, 0);
    *request = (struct status_request){0};
    return request;
}
