# serve: the portal, its worker and its clock.  train: the same with PyTorch, for the training queue alone.
FROM python:3.11-slim AS wheels
WORKDIR /wheels
COPY requirements.txt requirements-otel.txt ./
# requirements-otel.txt adds what traces need.
ARG REQUIREMENTS=requirements.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r ${REQUIREMENTS}

FROM python:3.11-slim AS serve
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LIVEGATE_VAR=/var/lib/livegate
RUN useradd --system --uid 10001 livegate && install -d -o livegate -m 700 /var/lib/livegate
COPY --from=wheels /venv /venv
WORKDIR /app
COPY . .
USER livegate
VOLUME /var/lib/livegate
EXPOSE 8000
CMD ["python", "manage.py", "serve", "--prepared", "--host", "0.0.0.0", "--port", "8000"]

FROM serve AS train
USER root
RUN pip install --no-cache-dir -r requirements-training.txt
USER livegate
CMD ["celery", "-A", "portal", "worker", "-n", "trainer@%h", "-Q", "training", "--concurrency", "1", "--loglevel", "INFO"]
