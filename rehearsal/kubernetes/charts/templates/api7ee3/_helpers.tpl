{{/* Names and labels as Helm's own starter chart has them. */}}
{{- define "api7ee3.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "api7ee3.fullname" -}}
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

{{- define "api7ee3.selectorLabels" -}}
app.kubernetes.io/name: {{ include "api7ee3.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "api7ee3.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{ include "api7ee3.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
{{- end }}

{{- define "api7ee3.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}
{{- .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}
{{- include "api7ee3.fullname" . }}
{{- else -}}
default
{{- end }}
{{- end }}

{{/* The control plane's programs: what tells them apart. */}}
{{- define "api7ee3.components" -}}
- name: dashboard
  values: dashboard
  configuration: dashboard_configuration
  folder: /app/conf
  ports:
    http: {{ .Values.dashboard_configuration.server.listen.port }}
    https: {{ .Values.dashboard_configuration.server.tls.port }}
  {{- if .Values.dashboard_configuration.server.listen.disable }}
  probe: { port: https, scheme: HTTPS }
  {{- else }}
  probe: { port: http, scheme: HTTP }
  {{- end }}
  certificate: {{ .Values.dashboard.keyCertSecret | quote }}
- name: dp-manager
  values: dp_manager
  configuration: dp_manager_configuration
  folder: /api7-ee
  ports:
    http: {{ .Values.dp_manager_configuration.server.listen.port }}
    https: {{ .Values.dp_manager_configuration.server.tls.port }}
  probe: { port: http, scheme: HTTP }
  command: ["/usr/local/api7/api7-ee-dp-manager", "-c", "/api7-ee/config.yaml"]
  certificate: ""
{{- if .Values.developer_portal_configuration.enable }}
- name: developer-portal
  values: developer_portal
  configuration: developer_portal_configuration
  folder: /app/conf
  ports:
    http: {{ .Values.developer_portal_configuration.server.listen.port }}
  probe: { port: http, scheme: {{ ternary "HTTPS" "HTTP" .Values.developer_portal_configuration.server.listen.tls.enabled }} }
  certificate: {{ .Values.developer_portal.keyCertSecret | quote }}
{{- end }}
{{- end }}

{{/* What this small chart does not have. */}}
{{- define "api7ee3.refuse" -}}
{{- range $part := list "postgresql" "prometheus" "jaeger" }}
{{- if (index $.Values $part).builtin }}
{{- fail (printf "Chart value %s.builtin: the rehearsal's stand-in does not model this. Set %s.builtin to false." $part $part) }}
{{- end }}
{{- end }}
{{- if .Values.file_server.enabled }}
{{- fail "Chart value file_server.enabled: the rehearsal's stand-in does not model this. Set it to false." }}
{{- end }}
{{- range $service := list "dashboard_service" "dp_manager_service" "developer_portal_service" }}
{{- if (index $.Values $service).ingress.enabled }}
{{- fail (printf "Chart value %s.ingress.enabled: the rehearsal's stand-in does not model this. Set it to false." $service) }}
{{- end }}
{{- end }}
{{- range $component := list "dashboard" "dp_manager" "developer_portal" }}
{{- if contains "{{" (toJson (index $.Values $component).extraEnvVars) }}
{{- fail (printf "Chart value %s.extraEnvVars: the rehearsal's stand-in does not model this. Write the text without %s %s." $component "{{" "}}") }}
{{- end }}
{{- end }}
{{- end }}
