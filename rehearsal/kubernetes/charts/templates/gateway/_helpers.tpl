{{/* Names and labels as Helm's own starter chart has them. */}}
{{- define "gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "gateway.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* By which Deployment, Service and disruption budget find the pods. */}}
{{- define "gateway.podLabels" -}}
{{- if .Values.gateway.labelsOverride }}
{{- range $key, $value := .Values.gateway.labelsOverride }}
{{ $key }}: {{ $value | toString | quote }}
{{- end }}
{{- else }}
app.kubernetes.io/name: {{ include "gateway.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}
{{- end }}

{{/* Labels of the objects themselves; the pods' own win. */}}
{{- define "gateway.labels" -}}
{{- $common := dict
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/name" (include "gateway.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service }}
{{- toYaml (mergeOverwrite $common (include "gateway.podLabels" . | fromYaml)) }}
{{- end }}

{{- define "gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}
{{- include "gateway.fullname" . }}
{{- else -}}
default
{{- end }}
{{- end }}

{{/* What this small chart does not have. */}}
{{- define "gateway.refuse" -}}
{{- $text := "Chart value %s: the rehearsal's stand-in does not model this. %s" }}
{{- if ne .Values.apisix.kind "Deployment" }}
{{- fail (printf $text "apisix.kind" "Set it to \"Deployment\".") }}
{{- end }}
{{- $off := dict
  "etcd.enabled" .Values.etcd.enabled
  "admin.enabled" .Values.admin.enabled
  "admin.ingress.enabled" .Values.admin.ingress.enabled
  "apisix.enableCustomizedConfig" .Values.apisix.enableCustomizedConfig
  "apisix.hostNetwork" .Values.apisix.hostNetwork
  "apisix.setIDFromPodUID" .Values.apisix.setIDFromPodUID
  "discovery.enabled" .Values.discovery.enabled
  "gateway.ingress.enabled" .Values.gateway.ingress.enabled
  "gateway.stream.enabled" .Values.gateway.stream.enabled
  "openapiToMcp.enabled" .Values.openapiToMcp.enabled
  "rbac.create" .Values.rbac.create
  "soapProxy.enabled" .Values.soapProxy.enabled
  "vault.enabled" .Values.vault.enabled }}
{{- range $path, $on := $off }}
{{- if $on }}
{{- fail (printf $text $path "Set it to false.") }}
{{- end }}
{{- end }}
{{- if not .Values.apisix.enabled }}
{{- fail (printf $text "apisix.enabled" "Set it to true.") }}
{{- end }}
{{- if .Values.deployment.fallback_cp }}
{{- fail (printf $text "deployment.fallback_cp" "Leave it empty.") }}
{{- end }}
{{- if and .Values.autoscaling.enabled (ne .Values.autoscaling.version "v2") }}
{{- fail (printf $text "autoscaling.version" "Set it to \"v2\".") }}
{{- end }}
{{- if contains "{{" (toJson .Values.apisix.extraEnvVars) }}
{{- fail (printf $text "apisix.extraEnvVars" (printf "Write the text without %s %s." "{{" "}}")) }}
{{- end }}
{{- end }}

{{/* `system,<file>,<file>`, or nothing without a CA. */}}
{{- define "gateway.trustedCertificates" -}}
{{- $files := list }}
{{- if .Values.gateway.tls.existingCASecret }}
{{- $files = append $files (printf "/usr/local/apisix/conf/ssl/%s" .Values.gateway.tls.certCAFilename) }}
{{- end }}
{{- range $index, $ca := .Values.gateway.tls.additionalTrustedCAs }}
{{- $files = append $files (printf "/usr/local/apisix/conf/ssl/additional-ca-%d/%s" $index $ca.filename) }}
{{- end }}
{{- if $files }}
{{- join "," (prepend $files "system") }}
{{- end }}
{{- end }}

{{/* The gateway's config file. */}}
{{- define "gateway.configuration" -}}
{{- $v := .Values }}
api7ee:
  {{- toYaml $v.api7ee | nindent 2 }}
apisix:
  node_listen:
    - ip: {{ $v.gateway.http.ip | quote }}
      port: {{ $v.gateway.http.containerPort }}
    {{- with $v.gateway.http.additionalContainerPorts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  enable_heartbeat: true
  enable_admin: {{ $v.admin.enabled }}
  enable_admin_cors: {{ $v.admin.cors }}
  enable_debug: false
  enable_dev_mode: false
  enable_reuseport: true
  enable_ipv6: {{ $v.apisix.enableIPv6 }}
  enable_server_tokens: {{ $v.apisix.enableServerTokens }}
  delete_uri_tail_slash: {{ $v.apisix.deleteURITailSlash }}
  normalize_uri_like_servlet: {{ $v.apisix.normalizeURILikeServlet }}
  match_uri_encoded_slash: {{ $v.apisix.matchURIEncodedSlash }}
  max_post_args_readable_size: {{ $v.apisix.maxPostArgsReadableSize }}
  {{- with $v.apisix.trustedAddresses }}
  trusted_addresses:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  router:
    http: {{ $v.apisix.httpRouter | quote }}
    ssl: radixtree_sni
  dns_resolver_valid: {{ $v.dns.validity }}
  resolver_timeout: {{ $v.dns.timeout }}
  ssl:
    enable: {{ $v.gateway.tls.enabled }}
    listen:
      - ip: {{ $v.gateway.tls.ip | quote }}
        port: {{ $v.gateway.tls.containerPort }}
        enable_http2: {{ $v.gateway.tls.http2.enabled }}
      {{- with $v.gateway.tls.additionalContainerPorts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    ssl_protocols: {{ $v.gateway.tls.sslProtocols | quote }}
    {{- with include "gateway.trustedCertificates" . }}
    ssl_trusted_certificate: {{ . | quote }}
    {{- end }}
    {{- with $v.gateway.tls.fallbackSNI }}
    fallback_sni: {{ . | quote }}
    {{- end }}
  {{- if $v.api7ee.status_endpoint.enabled }}
  status:
    ip: {{ $v.api7ee.status_endpoint.ip | quote }}
    port: {{ $v.api7ee.status_endpoint.port }}
  {{- end }}
  enable_control: {{ $v.control.enabled }}
  {{- if $v.control.enabled }}
  control:
    ip: {{ $v.control.ip | quote }}
    port: {{ $v.control.port }}
  {{- end }}
  disable_upstream_healthcheck: {{ $v.api7ee.disable_upstream_healthcheck }}
  lru:
    {{- toYaml $v.apisix.lru | nindent 4 }}
  tracing: {{ $v.apisix.tracing }}
nginx_config:
  error_log: {{ $v.logs.errorLog | quote }}
  error_log_level: {{ $v.logs.errorLogLevel | quote }}
  worker_processes: {{ $v.nginx.workerProcesses | quote }}
  enable_cpu_affinity: {{ $v.nginx.enableCPUAffinity }}
  worker_rlimit_nofile: {{ $v.nginx.workerRlimitNofile }}
  worker_shutdown_timeout: {{ $v.nginx.workerShutdownTimeout | quote }}
  event:
    worker_connections: {{ $v.nginx.workerConnections }}
  {{- with $v.nginx.envs }}
  envs:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  meta:
    lua_shared_dict:
      {{- toYaml $v.apisix.meta.luaSharedDict | nindent 6 }}
  http:
    enable_access_log: {{ $v.logs.enableAccessLog }}
    {{- if $v.logs.enableAccessLog }}
    access_log: {{ $v.logs.accessLog | quote }}
    {{- end }}
    keepalive_timeout: {{ $v.nginx.http.keepaliveTimeout | quote }}
    client_header_timeout: {{ $v.nginx.http.clientHeaderTimeout | quote }}
    client_body_timeout: {{ $v.nginx.http.clientBodyTimeout | quote }}
    send_timeout: {{ $v.nginx.http.sendTimeout | quote }}
    client_max_body_size: {{ toJson $v.nginx.http.clientMaxBodySize }}
    underscores_in_headers: "on"
    real_ip_header: X-Real-IP
    real_ip_from:
      - 127.0.0.1
      - "unix:"
    lua_shared_dict:
      {{- toYaml $v.apisix.http.luaSharedDict | nindent 6 }}
{{- $prometheus := dict }}
{{- if $v.serviceMonitor.enabled }}
{{- $prometheus = dict "prometheus" (dict
  "export_addr" (dict "ip" "0.0.0.0" "port" $v.serviceMonitor.containerPort)
  "export_uri" $v.serviceMonitor.path
  "metric_prefix" $v.serviceMonitor.metricPrefix) }}
{{- end }}
{{- with mergeOverwrite $prometheus (deepCopy $v.pluginAttrs) }}
plugin_attr:
  {{- toYaml . | nindent 2 }}
{{- end }}
deployment:
  role: traditional
  role_traditional:
    config_provider: etcd
  etcd:
    host:
      {{- toYaml $v.etcd.host | nindent 6 }}
    prefix: {{ $v.etcd.prefix | quote }}
    timeout: {{ $v.etcd.timeout }}
    {{- with $v.etcd.user }}
    user: {{ . | quote }}
    {{- end }}
    {{- with $v.etcd.password }}
    password: {{ . | quote }}
    {{- end }}
    tls:
      {{- if $v.etcd.auth.tls.enabled }}
      cert: /etcd-ssl/{{ $v.etcd.auth.tls.certFilename }}
      key: /etcd-ssl/{{ $v.etcd.auth.tls.certKeyFilename }}
      {{- end }}
      verify: {{ $v.etcd.auth.tls.verify }}
      {{- with $v.etcd.auth.tls.sni }}
      sni: {{ . | quote }}
      {{- end }}
{{- end }}
